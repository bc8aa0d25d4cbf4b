// SPDX-License-Identifier: BSD-3-Clause
// How this process was launched, from its environment: known before MPI starts.
#pragma once

namespace knowscale {

// This process's number among those launched together, by Open MPI, PMIx, PMI or Slurm; 0 when launched alone.
int launch_rank();

// Throws Error(resource) where srun started several tasks that became an MPI world of one each (no PMIx
// plugin): every one of them would run the whole campaign. `world_size`: ranks of MPI_COMM_WORLD.
void require_one_world(int world_size);

}  // namespace knowscale

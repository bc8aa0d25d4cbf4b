// SPDX-License-Identifier: BSD-3-Clause
// How this process was launched, from its environment: known before MPI starts.
#pragma once

namespace knowscale {

// This process's number among those launched together, by Open MPI, PMIx, PMI or Slurm; 0 when launched alone.
int launch_rank();

// How many were launched together, as far as the launcher says so; 1 where it does not.
int launch_size();

// Throws Error(resource) where several processes were launched that became an MPI world of one each (another MPI's
// launcher, or srun without its PMIx plugin): every one of them would run the whole campaign. `world_size`: ranks of
// MPI_COMM_WORLD; `rank`: launch_rank() from before MPI started, which sets variables of its own.
void require_one_world(int world_size, int launch_rank, int launch_size);

}  // namespace knowscale

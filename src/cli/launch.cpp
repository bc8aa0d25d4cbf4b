// SPDX-License-Identifier: BSD-3-Clause
#include "cli/launch.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "core/error.hpp"

namespace knowscale {
namespace {

// The number in an environment variable, or `otherwise` where it is not set or no number.
int environment_number(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr) return otherwise;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  return end == text || *end != '\0' ? otherwise : static_cast<int>(value);
}

}  // namespace

int launch_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    const int rank = environment_number(name, -1);
    if (rank >= 0) return rank;
  }
  return 0;
}

void require_one_world(int world_size) {
  // Under mpirun, SLURM_STEP_NUM_TASKS counts its daemons, not the ranks.
  if (std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr) return;
  const int tasks = environment_number("SLURM_STEP_NUM_TASKS", 1);
  require(tasks <= 1 || tasks == world_size, ExitStatus::resource,
          fmt::format(
              "srun started {} tasks (SLURM_STEP_NUM_TASKS) but MPI sees a world of {}: use srun --mpi=pmix, or mpirun "
              "inside sbatch",
              tasks, world_size));
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "cli/launch.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.hpp"

namespace knowscale {
namespace {

// The number in an environment variable, or `otherwise` where it is not set or none of an int.
int environment_number(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr) return otherwise;
  const char* end = text + std::strlen(text);
  int value = 0;
  const auto [stopped, error] = std::from_chars(text, end, value);
  return error != std::errc() || stopped != end || text == end ? otherwise : value;
}

// The variable in which a launcher says how many processes it started. Those of an MPI come first: under mpirun,
// SLURM_STEP_NUM_TASKS counts its daemons.
const char* size_variable() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    if (environment_number(name, 0) > 0) return name;
  }
  return nullptr;
}

}  // namespace

int launch_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "SLURM_PROCID"}) {
    const int rank = environment_number(name, -1);
    if (rank >= 0) return rank;
  }
  return 0;
}

int launch_size() {
  const char* name = size_variable();
  return name == nullptr ? 1 : environment_number(name, 1);
}

void require_one_world(int world_size, int launch_rank, int launch_size) {
  const char* name = size_variable();
  require(launch_size <= 1 || launch_size == world_size, ExitStatus::resource,
          fmt::format("{} processes were launched ({}) but MPI sees a world of {}: use the launcher of this program's "
                      "MPI (knowscale --version names it), or srun --mpi=pmix",
                      launch_size, name == nullptr ? "the launcher" : name, world_size));
  require(launch_rank < world_size, ExitStatus::resource,
          fmt::format("this process was launched as number {} but MPI sees a world of {}: use the launcher of this "
                      "program's MPI (knowscale --version names it), or srun --mpi=pmix",
                      launch_rank, world_size));
}

}  // namespace knowscale

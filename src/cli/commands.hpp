// SPDX-License-Identifier: BSD-3-Clause
// What each command of the command line does.
#pragma once

#include "cli/options.hpp"
#include "comm/communicator.hpp"
#include "core/error.hpp"

namespace knowscale {

// Whether the command takes part in an MPI job. The others do not start MPI, and do in every process what they do in
// one: a shell in a step of srun, or under mpirun, has the variables of a rank, too.
bool needs_mpi(const Options& options);

// run, verify, tune, ceilings. Collective over `world`. Resource where stdout does not take what verify, ceilings or a
// dry run have to say, unless its reader went away.
ExitStatus execute(const Options& options, const Communicator& world);

// help, --version, list, info. The same.
ExitStatus execute_alone(const Options& options);

}  // namespace knowscale

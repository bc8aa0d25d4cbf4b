// SPDX-License-Identifier: BSD-3-Clause
// What each command of the command line does.
#pragma once

#include "cli/options.hpp"
#include "comm/communicator.hpp"
#include "core/error.hpp"

namespace knowscale {

// Whether the command takes part in an MPI job; the others run on one rank without MPI.
bool needs_mpi(const Options& options);

// run, verify, ceilings. Collective over `world`.
ExitStatus execute(const Options& options, const Communicator& world);

// help, --version, list, info.
ExitStatus execute_alone(const Options& options);

}  // namespace knowscale

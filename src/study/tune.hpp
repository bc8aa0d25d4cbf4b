// SPDX-License-Identifier: BSD-3-Clause
// Kernel `simd` measured on this machine, and what was measured taken by later runs: machines like different ways past
// the keys (kernels/simd/ways.hpp), and no list of processors' names stays complete.
#pragma once

#include <string>

#include "comm/communicator.hpp"
#include "core/error.hpp"

namespace knowscale {

struct TuneOptions {
  double seconds = 45;  // in all, about
  std::string output;   // empty: campaign/tuning.hpp's tuning_path()
};

// Measures every way of every format and class of rows, all ranks at once, one thread each; on rank 0 prints what is
// best and writes it. A way is taken instead of the hardware's only where the 95 % interval of its speed, over paired
// rounds, lies above 1. Collective. Throws Error(resource) where the file cannot be written.
ExitStatus tune(const TuneOptions& options, const Communicator& world);

// Takes the file of tuning_path(), as rank 0 reads it, on every rank whose processor and build are those that it was
// measured with. Returns what /meta says of it. Collective. Throws Error(usage) for a file with mistakes, and for one
// that KNOWSCALE_TUNING names and that is not there.
std::string take_tuning(const Communicator& world);

}  // namespace knowscale

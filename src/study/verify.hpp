// SPDX-License-Identifier: BSD-3-Clause
// `knowscale verify`: every model, kernel, reduction and precision of this build on small hard problems, at
// every rank count asked for, against the oracle; then the symmetries of every model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "core/error.hpp"

namespace knowscale {

struct VerifyOptions {
  std::optional<std::vector<std::int64_t>> ranks;  // default: 1, 2, 3, 4, 5, 7, 8 as far as launched, and all
  int threads = 1;
  std::uint64_t seed = 1;
  // These alone; of those that are empty all. What has no kernel or reduction is left out where one is named.
  std::vector<std::string> models, kernels, reductions, precisions;
};

// Collective over `world`. One line per model, kernel, reduction, precision and rank count with its worst error,
// and the final line, on stdout of rank 0. Error(usage) on every rank where a name is unknown or where what is named
// leaves nothing to check.
ExitStatus verify_all(const VerifyOptions& options, const Communicator& world);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// The keys that queries attend to most, found on the device of this rank.
#pragma once

#include "core/by_precision.hpp"
#include "kernels/top_keys.hpp"

namespace knowscale::cuda {

// top_keys() of kernels/top_keys.hpp for queries and keys of the host: keys and scores to the same bits, lse but for
// rounding. Keys that are kept on the device are read there, others are copied; blocks.
extern const ByPrecision<FindTopKeys> top_keys_from_host;

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// Moments of a shard on the threads of the host.
#pragma once

#include "core/by_precision.hpp"
#include "kernels/moment_sums.hpp"

namespace knowscale {

extern const ByPrecision<SumMoments> sum_moments;
extern const ByPrecision<SumMomentsExactly> sum_moments_exactly;

}  // namespace knowscale

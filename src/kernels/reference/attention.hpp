// SPDX-License-Identifier: BSD-3-Clause
// Plain loops in f64, whatever T is: what the other kernels are tested against.
#pragma once

#include "kernels/kernel.hpp"

namespace knowscale::reference {

extern const ByPrecision<ComputeState> compute;

std::int64_t scratch_bytes(Precision precision, const HeadShape& shape, int threads);

}  // namespace knowscale::reference

// SPDX-License-Identifier: BSD-3-Clause
// Kernel `simd`: exact attention in one pass over the keys, with products, exponential and sums fused in registers
// (after FlashAttention: Dao et al. 2022; the split over keys after Flash-Decoding: Dao et al. 2023), portable by
// Highway: one source, compiled for every instruction set and chosen at run time.
#pragma once

#include "kernels/kernel.hpp"

namespace knowscale::simd {

extern const ByPrecision<ComputeState> compute;

std::int64_t scratch_bytes(Precision precision, const HeadShape& shape, int threads);

// Whether this CPU multiplies pairs of bf16 (AVX-512 BF16) and the chosen target may use it.
bool has_dot_of_pairs();

}  // namespace knowscale::simd

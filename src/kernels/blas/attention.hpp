// SPDX-License-Identifier: BSD-3-Clause
// Exact attention as two GEMMs a tile with a streaming softmax between them (Milakov & Gimelshein 2018;
// Rabe & Staats 2021; Dao et al. 2022). Memory is O(tile): the n x m scores never exist.
#pragma once

#include "kernels/kernel.hpp"

namespace knowscale::blas {

extern const ByPrecision<ComputeState> compute;

std::int64_t scratch_bytes(Precision precision, const HeadShape& shape, int threads);

}  // namespace knowscale::blas

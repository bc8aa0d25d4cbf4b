// SPDX-License-Identifier: BSD-3-Clause
// Exact attention as two GEMMs a tile with a streaming softmax between them (Milakov & Gimelshein 2018;
// Rabe & Staats 2021; Dao et al. 2022). Memory is O(tile): the n x m scores never exist.
#pragma once

#include "kernels/attention.hpp"

namespace knowscale::blas {

template <class T>
void compute(const AttentionInput<T>& input, MatrixView<T> out, const Threads& threads);

template <class T>
std::int64_t scratch_bytes(const HeadShape& shape, int threads);

}  // namespace knowscale::blas

// SPDX-License-Identifier: BSD-3-Clause
// Weighted second moments of a shard, what a linear model keeps of its knowledge.
#pragma once

#include <span>

#include "core/matrix.hpp"
#include "core/precision.hpp"
#include "kernels/threads.hpp"

namespace knowscale {

// out = K^T diag(a) V = sum_k a_k k_k v_k^T for the m rows of `keys` (m x d_k) and `values` (m x d_v) and m weights
// a_k; out is d_k x d_v, and symmetric to the bit where both are the same view, which takes little more than half of
// the work. m may be 0. Threads divide the rows; their sums are added in a fixed order.
template <class T>
void moments(MatrixView<const T> keys, MatrixView<const T> values, std::span<const Accumulator<T>> weights,
             MatrixView<Accumulator<T>> out, const Threads& threads);

}  // namespace knowscale

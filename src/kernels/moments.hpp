// SPDX-License-Identifier: BSD-3-Clause
// Weighted second moments of a shard, what a linear model keeps of its knowledge.
#pragma once

#include <span>

#include "core/matrix.hpp"
#include "core/precision.hpp"
#include "kernels/threads.hpp"

namespace knowscale {

// out = Z^T diag(a) Z = sum_k a_k z_k z_k^T for the m rows z_k of `rows` (m x d) and m weights a_k; out is d x d and
// symmetric to the bit. m may be 0. Threads divide the rows; their sums are added in a fixed order.
template <class T>
void moments(MatrixView<const T> rows, std::span<const Accumulator<T>> weights, MatrixView<Accumulator<T>> out,
             const Threads& threads);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Weighted second moments of rows of the host, summed on the device of this rank. Nothing of CUDA is included here; a
// build without has the same function (none.cpp).
#pragma once

#include <cstdint>
#include <span>

#include "core/matrix.hpp"
#include "core/precision.hpp"
#include "kernels/attention.hpp"

namespace knowscale::cuda {

// a_k as a function of |k|^2 and the width d of a key.
enum class MomentWeight {
  metric,  // 1 / (1 + |k|^2 / d)
  map,     // 1 / sqrt(1 + |k|^2 / d)
  plain    // 1
};

// sum_k a_k k_k v_k^T, or of keys alone: sum_k a_k k_k k_k^T.
struct MomentKind {
  MomentWeight weight = MomentWeight::plain;
  bool of_keys = false;
};

// Rows of the host; a key/value head each of its own moments.
template <class T>
struct MomentRows {
  MatrixView<const T> keys;    // m x (kv_heads key_dim)
  MatrixView<const T> values;  // m x (kv_heads value_dim), as wide heads as the keys'
  HeadShape shape;
};

// Rows of the sums of one chunk.
inline std::int64_t moment_rows(const HeadShape& shape, std::size_t kinds) {
  return static_cast<std::int64_t>(kinds) * shape.kv_heads * shape.key_dim;
}

// For each `chunk` of rows, the last of which may be shorter: the sums of all kinds and heads, moment_rows() rows
// (kind, head, i) of value_dim numbers, one chunk's behind the other's in `sums`, host memory without gaps. A chunk's
// bits depend on its rows alone. Rows that are kept on the device are read there, others are copied; blocks.
template <class T>
void moments_from_host(const MomentRows<T>& rows, std::span<const MomentKind> kinds, std::int64_t chunk,
                       MatrixView<Accumulator<T>> sums);

}  // namespace knowscale::cuda

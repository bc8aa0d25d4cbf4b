// SPDX-License-Identifier: BSD-3-Clause
// Weighted second moments of a shard, of several kinds and of all heads at once: what an engine sums of the knowledge.
#pragma once

#include <cstdint>
#include <span>

#include "core/fixed_point.hpp"
#include "core/matrix.hpp"
#include "core/precision.hpp"
#include "kernels/attention.hpp"

namespace knowscale {

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
  StoredRows<T> keys;    // m x (kv_heads key_dim); in bytes on the host alone
  StoredRows<T> values;  // m x (kv_heads value_dim), as wide heads as the keys'
  HeadShape shape;
};

// Rows of the sums of all kinds and heads: (kind, head, i).
inline std::int64_t moment_rows(const HeadShape& shape, std::size_t kinds) {
  return static_cast<std::int64_t>(kinds) * shape.kv_heads * shape.key_dim;
}

// sums = those of all rows, moment_rows() x value_dim without gaps. Returns the seconds of copies.
template <class T>
using SumMoments = double(const MomentRows<T>& rows, std::span<const MomentKind> kinds, MatrixView<Accumulator<T>> sums,
                          const Threads& threads);

// Numbers added without rounding: those of `chunk` rows (the last ones fewer), whose bits depend on the rows alone, as
// fixed-point numbers of a format for each kind.
struct ExactSums {
  std::int64_t chunk = 0;
  std::span<const FixedPoint> formats;
  std::span<std::int64_t> numbers;  // of a sum the high and the low part, one after the other: overwritten

  // Adds these numbers of a chunk's sums, of which `all` belong to all kinds together.
  template <class A>
  void add(const A* of_chunk, RowRange some, std::int64_t all, std::span<std::int64_t> to) const {
    const std::int64_t per_kind = all / static_cast<std::int64_t>(formats.size());
    for (std::int64_t i = some.begin; i < some.end; ++i) {
      const auto at = static_cast<std::size_t>(2 * i);
      formats[static_cast<std::size_t>(i / per_kind)].add(static_cast<double>(of_chunk[i]), to[at], to[at + 1]);
    }
  }
};

// The same sums, whatever the division of the rows over ranks at borders of chunks and over threads.
template <class T>
using SumMomentsExactly = double(const MomentRows<T>& rows, std::span<const MomentKind> kinds, const ExactSums& sums,
                                 const Threads& threads);

}  // namespace knowscale

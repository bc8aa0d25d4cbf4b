// SPDX-License-Identifier: BSD-3-Clause
// What one thread does: a range of keys past some queries of one key/value head.
#pragma once

#include "kernels/attention.hpp"
#include "kernels/simd/query_rows.hpp"
#include "kernels/simd/ways.hpp"

namespace knowscale::simd {

// Scores above the stabiliser, in units of log 2, by more than this make it follow. Weights stay under 2^32, and sums
// of them, over any number of keys and values up to 2^60, far from overflow; floating-point numbers are as exact there
// as near 1. (With 2^8 every query that has itself among the keys makes it follow: |x|^2 / sqrt(d) log2(e) is 12 at d
// = 64.) Without slack weights are at most 1, for values that leave them no room.
inline constexpr double kSlack = 32, kNoSlack = 0;

template <class T>
struct Pass {
  const AttentionInput<T>& input;
  QueryRows rows;
  RowRange keys;
  std::int64_t key_block;          // keys at a time
  const Threads& threads;          // asked to poll after each block of keys
  MatrixView<Accumulator<T>> out;  // the rows' states are overwritten
  Way way;
  double slack = kSlack;
};

template <class T>
void run(const Pass<T>& stream);

}  // namespace knowscale::simd

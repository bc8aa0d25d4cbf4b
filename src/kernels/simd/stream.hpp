// SPDX-License-Identifier: BSD-3-Clause
// What one thread does: a range of keys past some queries of one key/value head.
#pragma once

#include "kernels/attention.hpp"
#include "kernels/simd/query_rows.hpp"
#include "kernels/simd/tiles.hpp"

namespace knowscale::simd {

template <class T>
struct Stream {
  const AttentionInput<T>& input;
  QueryRows rows;
  RowRange keys;
  std::int64_t key_block;        // keys at a time
  const Threads& threads;  // asked to poll after each block of keys
  MatrixView<Accumulator<T>> out;  // the rows' states are overwritten
  Processor processor = this_processor();
};

template <class T>
void run(const Stream<T>& stream);

}  // namespace knowscale::simd

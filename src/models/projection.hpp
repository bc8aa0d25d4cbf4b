// SPDX-License-Identifier: BSD-3-Clause
// Rows times fixed matrices, head by head or as a whole.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <type_traits>

#include "kernels/blas/gemm.hpp"
#include "kernels/threads.hpp"
#include "problem/case.hpp"

namespace knowscale {

// Rows that one product takes: borders lie at multiples of it, and of the granule of shards, so that a row of the
// result has the same bits whatever shard and thread it is computed in.
inline std::int64_t projected_rows(const Case& c) {
  constexpr std::int64_t kRows = 256;
  return c.fixed_bits() ? std::gcd(c.shard_granule(), kRows) : kRows;
}

// to = from times weights for the rows of `range`; `from` as it is stored. from: n x a, weights: a x b, to: n x b.
template <class T, class A>
void project(const StoredRows<T>& from, MatrixView<const A> weights, MatrixView<A> to, RowRange range,
             std::int64_t rows_at_once, const Threads& threads) {
  threads.parallel_for((range.size() + rows_at_once - 1) / rows_at_once, [&](std::int64_t block) {
    const RowRange rows = {range.begin + block * rows_at_once,
                           std::min(range.begin + (block + 1) * rows_at_once, range.end)};
    if constexpr (std::is_same_v<T, A>) {
      Matrix<A> copy;
      blas::gemm<A>(A{1}, numbers_of(from.slice_rows(rows), 0, from.cols, copy), weights, A{0}, to.slice_rows(rows));
    } else {
      Matrix<A> wide(rows.size(), from.cols);
      for (std::int64_t i = 0; i < rows.size(); ++i) std::copy_n(from.row(rows.begin + i), from.cols, wide.row(i));
      blas::gemm<A>(A{1}, std::as_const(wide).view(), weights, A{0}, to.slice_rows(rows));
    }
    threads.poll();
  });
}

}  // namespace knowscale

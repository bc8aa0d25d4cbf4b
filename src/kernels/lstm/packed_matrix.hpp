// SPDX-License-Identifier: BSD-3-Clause
// A right-hand matrix M (K x N) packed once for many products with few rows, as in a recurrent network,
// where a BLAS would repack M in every step. Columns form four streams of W = ceil(N / 4), so that a matrix
// of four gates is cut at its gates; panel p holds columns [p L, (p + 1) L) of each stream, zero padded:
//   K rows of | stream 0: L columns | stream 1 |, then K rows of | stream 2 | stream 3 |;  L: a cache line
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/matrix.hpp"
#include "kernels/threads.hpp"

namespace knowscale {

template <class T>
class PackedMatrix {
 public:
  static constexpr int kStreams = 4;
  static constexpr int kLanes = kAlignment / sizeof(T);  // L

  PackedMatrix() = default;
  explicit PackedMatrix(MatrixView<const T> matrix);

  std::int64_t rows() const { return rows_; }
  std::int64_t cols() const { return cols_; }
  std::int64_t stream_cols() const { return (cols_ + kStreams - 1) / kStreams; }  // W
  std::int64_t panels() const { return panels_.rows(); }

  // Streams `stream` and `stream` + 1 of panel p, K x 2 L; `stream` is 0 or 2.
  const T* panel(std::int64_t p, int stream) const { return panels_.row(p) + stream * kLanes * rows_; }

  // How many columns stream `stream` has from its column `offset` on; 0 when it ends before.
  std::int64_t columns_from(int stream, std::int64_t offset) const {
    const std::int64_t width = std::min(stream_cols(), cols_ - stream * stream_cols());
    return std::max<std::int64_t>(width - offset, 0);
  }

  // c (rows x N) = a (rows x K) M, plus `bias` (1 x N) in every row unless it is empty. The bits of c do not
  // depend on the number of threads; a call with few rows sends the same panels to the same threads. Blocks.
  void multiply(MatrixView<const T> a, MatrixView<const T> bias, MatrixView<T> c, const Threads& threads) const;

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  Matrix<T> panels_;  // panels x (4 K L)
};

}  // namespace knowscale

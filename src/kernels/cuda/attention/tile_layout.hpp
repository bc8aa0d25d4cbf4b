// SPDX-License-Identifier: BSD-3-Clause
// Where the numbers of a tile lie in shared memory: rows of `Columns` numbers, copied 16 bytes (a chunk) at a time.
// Plain functions of indices, for host and device.
#pragma once

#include <cstddef>

namespace knowscale::cuda {

inline constexpr int kChunkBytes = 16;

// Of a block, on every device that has the instructions: that of compute capability 8.0.
inline constexpr int kMostSharedBytes = 163 << 10;

// 16-bit numbers, read by ldmatrix: eight rows at the same chunk must lie in different banks, so chunk c of row r is
// kept at c ^ (r mod 8).
template <int Columns>
struct SwizzledTile {
  static_assert(Columns % 64 == 0);
  static constexpr int kChunks = Columns / 8;
  static constexpr int bytes(int rows) { return rows * kChunks * kChunkBytes; }
  static constexpr int chunk_at(int row, int chunk) { return (row * kChunks + (chunk ^ (row & 7))) * kChunkBytes; }
};

// f32, read one number per lane at (row g, column t) or (row 2t, column g), g < 8, t < 4: a row is one chunk longer
// than its numbers, so that these lie in 32 different banks.
template <int Columns>
struct PaddedTile {
  static_assert(Columns % 32 == 0);
  static constexpr int kChunks = Columns / 4;
  static constexpr int kStride = Columns + 4;  // numbers
  static constexpr int bytes(int rows) { return rows * kStride * 4; }
  static constexpr int chunk_at(int row, int chunk) { return row * kStride * 4 + chunk * kChunkBytes; }
};

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// From device memory to tiles in shared memory, by asynchronous copies of 16 bytes per thread.
#pragma once

#include <cstdint>

#include <instructions.cuh>

#include "kernels/cuda/attention/task.hpp"
#include "kernels/cuda/attention/tile_layout.hpp"

namespace knowscale::cuda {

// Starts copying `Rows` rows from rows + row * stride on, which are Tile's columns wide; zeros from `count` on. Threads
// `thread` of `threads` share the work.
template <class Tile, int Rows, class T>
__device__ __forceinline__ void copy_tile(unsigned char* tile, const T* rows, std::int64_t stride, int count,
                                          int thread, int threads) {
  constexpr int numbers = kChunkBytes / static_cast<int>(sizeof(T));
#pragma unroll(Rows == 8 ? 1 : 4)
  for (int i = thread; i < Rows * Tile::kChunks; i += threads) {
    const int row = i / Tile::kChunks, chunk = i % Tile::kChunks;
    const bool valid = row < count;
    copy_async(tile + Tile::chunk_at(row, chunk), rows + (valid ? row * stride + chunk * numbers : 0), valid);
  }
}

// The same of rows [first, first + Rows) of the group's queries, as AttentionTask numbers them.
template <class Tile, int Rows, class T>
__device__ __forceinline__ void copy_queries(unsigned char* tile, const AttentionTask<T>& task, int kv_head, int first,
                                             int width, int thread, int threads) {
  constexpr int numbers = kChunkBytes / static_cast<int>(sizeof(T));
  for (int i = thread; i < Rows * Tile::kChunks; i += threads) {
    const int row = first + i / Tile::kChunks, chunk = i % Tile::kChunks;
    const bool valid = row < task.rows();
    const std::int64_t at = row / task.group * task.query_stride + (kv_head * task.group + row % task.group) * width;
    copy_async(tile + Tile::chunk_at(i / Tile::kChunks, chunk), task.queries + (valid ? at + chunk * numbers : 0),
               valid);
  }
}

// Where row `row` of a key/value head's queries is written, for one split of the keys.
template <class T>
__device__ __forceinline__ float* out_row(const AttentionTask<T>& task, int split, int kv_head, int row) {
  const std::int64_t state = std::int64_t{row / task.group} * task.heads() + kv_head * task.group + row % task.group;
  const std::int64_t rows = std::int64_t{task.query_count} * task.heads();
  return task.out + (split * rows + state) * (task.value_dim + 2);
}

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// Many queries: a block holds a tile of queries, its warps 16 RowTiles rows each, and all of them share blocks of keys
// and values, of which the next is copied while the present one is worked on (after FlashAttention-2, Dao 2023).
//
//   grid: x tiles of queries, y key/value heads, z splits of the keys
//   shared memory: [ queries | keys, values of stage 0 | keys, values of stage 1 ]
#pragma once

#include <algorithm>

#include "kernels/cuda/attention/copy_tile.cuh"
#include "kernels/cuda/attention/warp_attention.cuh"

namespace knowscale::cuda {

// How the kernel is cut for a type and widths.
template <class T, int KeyDim, int ValueDim>
struct ManyQueriesShape {
  static constexpr int kWidth = KeyDim > ValueDim ? KeyDim : ValueDim;
  static constexpr int kWarps = 4;
  // A second row tile halves what is read from shared memory for a product, but needs twice the registers.
  static constexpr int kRowTiles = sizeof(T) == 2 && kWidth <= 128 ? 2 : 1;
  // As many as leave the registers for it: 64 keys of 128 columns of 16 bits would spill.
  static constexpr int kKeys = kWidth == 64 && sizeof(T) == 2 ? 64 : kWidth == 256 && sizeof(T) == 4 ? 16 : 32;
  static constexpr int kStages = 2;
  static constexpr int kRows = 16 * kRowTiles * kWarps;

  template <int Columns>
  using Tile = typename WarpProducts<T>::template Tile<Columns>;
  static constexpr int kKeyBytes = Tile<KeyDim>::bytes(kKeys);
  static constexpr int kStageBytes = kKeyBytes + Tile<ValueDim>::bytes(kKeys);
  static constexpr int kSharedBytes = Tile<KeyDim>::bytes(kRows) + kStages * kStageBytes;
  static_assert(kSharedBytes <= kMostSharedBytes);
};

template <class T, int KeyDim, int ValueDim>
struct ManyQueries {
  using Shape = ManyQueriesShape<T, KeyDim, ValueDim>;
  using KeyTile = typename Shape::template Tile<KeyDim>;
  using ValueTile = typename Shape::template Tile<ValueDim>;
  using State = WarpAttention<T, KeyDim, ValueDim, Shape::kRowTiles, Shape::kKeys>;
  static constexpr int kThreads = 32 * Shape::kWarps;

  __device__ __forceinline__ static void run(const AttentionTask<T>& task) {
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
    const int kv_head = static_cast<int>(blockIdx.y), split = static_cast<int>(blockIdx.z);
    const int tile_row = static_cast<int>(blockIdx.x) * Shape::kRows;
    const int first_row = tile_row + warp * 16 * Shape::kRowTiles;
    const int begin = split * task.keys_a_split;
    const int end = last_seen(task, begin + task.keys_a_split, tile_row);
    unsigned char* queries = shared_memory();
    unsigned char* stages = queries + KeyTile::bytes(Shape::kRows);
    copy_queries<KeyTile, Shape::kRows>(queries, task, kv_head, tile_row, KeyDim, thread, kThreads);
    copy_keys(task, stages, kv_head, begin, end, thread);
    commit_copies();

    State state;
    state.clear();
    int stage = 0;
    for (int key = begin; key < end; key += Shape::kKeys) {
      copy_keys(task, stages + (stage ^ 1) * Shape::kStageBytes, kv_head, key + Shape::kKeys, end, thread);
      commit_copies();
      wait_for_copies<1>();
      sync_block();
      const unsigned char* keys = stages + stage * Shape::kStageBytes;
      state.add(task, queries + KeyTile::bytes(warp * 16 * Shape::kRowTiles), keys,
                task.values == nullptr ? keys : keys + Shape::kKeyBytes, first_row, key, end);
      sync_block();
      stage ^= 1;
    }
    wait_for_copies<0>();
    state.finish();
    write(task, state, split, kv_head, first_row);
  }

 private:
  // The end of the keys that a tile's last query sees.
  __device__ __forceinline__ static int last_seen(const AttentionTask<T>& task, int end, int tile_row) {
    end = std::min(end, task.key_count);
    if (!task.causal) return end;
    const int last_row = std::min(tile_row + Shape::kRows, task.rows()) - 1;
    const std::int64_t seen = last_row / task.group + task.offset + 1;
    return seen < end ? static_cast<int>(seen < 0 ? 0 : seen) : end;
  }

  __device__ __forceinline__ static void copy_keys(const AttentionTask<T>& task, unsigned char* stage, int kv_head,
                                                   int first, int end, int thread) {
    const int count = end - first;
    if (count <= 0) return;
    copy_tile<KeyTile, Shape::kKeys>(stage, task.keys + first * task.key_stride + kv_head * KeyDim, task.key_stride,
                                     count, thread, kThreads);
    if (task.values == nullptr) return;
    copy_tile<ValueTile, Shape::kKeys>(stage + Shape::kKeyBytes,
                                       task.values + first * task.value_stride + kv_head * ValueDim, task.value_stride,
                                       count, thread, kThreads);
  }

  __device__ __forceinline__ static void write(const AttentionTask<T>& task, const State& state, int split, int kv_head,
                                               int first_row) {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int tile = 0; tile < Shape::kRowTiles; ++tile) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = first_row + tile * 16 + half * 8 + g;
        if (row >= task.rows()) continue;
        float* out = out_row(task, split, kv_head, row);
#pragma unroll
        for (int c = 0; c < ValueDim / 8; ++c) {
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            const int column = c * 8 + 2 * t + i;
            if (column < task.value_dim) out[column] = state.sums[tile][c][2 * half + i];
          }
        }
        if (t != 0) continue;
        out[task.value_dim] = state.total[tile][half];
        out[task.value_dim + 1] = state.reference[tile][half] * kLog2;
      }
    }
  }
};

template <class T, int KeyDim, int ValueDim>
__global__ void __launch_bounds__(32 * ManyQueriesShape<T, KeyDim, ValueDim>::kWarps, 1)
    many_queries(const AttentionTask<T> task) {
  ManyQueries<T, KeyDim, ValueDim>::run(task);
}

}  // namespace knowscale::cuda

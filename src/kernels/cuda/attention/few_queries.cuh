// SPDX-License-Identifier: BSD-3-Clause
// At most 16 rows of queries, where reading the keys is all that takes time: every warp of a block has the same queries
// and reads keys of its own, several blocks of them ahead, without waiting for the other warps; their states are merged
// at the end (split-KV inside a block; Flash-Decoding, Dao et al. 2023).
//
//   grid: x 1, y key/value heads, z splits of the keys
//   shared memory: [ queries | stages of warp 0 | stages of warp 1 | ... ], at the end [ states of the warps ]
#pragma once

#include <algorithm>

#include "kernels/cuda/attention/copy_tile.cuh"
#include "kernels/cuda/attention/warp_attention.cuh"

namespace knowscale::cuda {

inline constexpr int kFewRows = 16;

template <class T, int KeyDim, int ValueDim>
struct FewQueriesShape {
  static constexpr int kWarps = 4;
  template <int Columns>
  using Tile = typename WarpProducts<T>::template Tile<Columns>;
  static constexpr int bytes_of(int keys) { return Tile<KeyDim>::bytes(keys) + Tile<ValueDim>::bytes(keys); }
  static constexpr int kKeys = bytes_of(16) <= 20 << 10 ? 16 : 8;  // a stage
  static constexpr int kKeyBytes = Tile<KeyDim>::bytes(kKeys);
  static constexpr int kStageBytes = bytes_of(kKeys);
  // All warps together have 64 to 96 KiB under way: bandwidth times latency asks for some 20 KiB a multiprocessor, and
  // copies come in bursts.
  static constexpr int kStages = kStageBytes <= 8 << 10 ? 4 : kStageBytes <= 12 << 10 ? 3 : 2;
  static constexpr int kQueryBytes = Tile<KeyDim>::bytes(kFewRows);
  static constexpr int kStateWidth = ValueDim + 2;
  static constexpr int kStateBytes = kWarps * kFewRows * kStateWidth * 4;
  static constexpr int kCopiedBytes = kQueryBytes + kWarps * kStages * kStageBytes;
  static constexpr int kSharedBytes = kCopiedBytes > kStateBytes ? kCopiedBytes : kStateBytes;
  static_assert(kSharedBytes <= kMostSharedBytes);
};

template <class T, int KeyDim, int ValueDim>
struct FewQueries {
  using Shape = FewQueriesShape<T, KeyDim, ValueDim>;
  using KeyTile = typename Shape::template Tile<KeyDim>;
  using ValueTile = typename Shape::template Tile<ValueDim>;
  using State = WarpAttention<T, KeyDim, ValueDim, 1, Shape::kKeys>;

  __device__ __forceinline__ static void run(const AttentionTask<T>& task) {
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
    const int kv_head = static_cast<int>(blockIdx.y), split = static_cast<int>(blockIdx.z);
    const int begin = split * task.keys_a_split;
    const int end = std::min(begin + task.keys_a_split, task.key_count);
    unsigned char* queries = shared_memory();
    unsigned char* stages = queries + Shape::kQueryBytes + warp * Shape::kStages * Shape::kStageBytes;
    copy_queries<KeyTile, kFewRows>(queries, task, kv_head, 0, KeyDim, thread, 32 * Shape::kWarps);
    commit_copies();
    wait_for_copies<0>();
    sync_block();

    constexpr int stride = Shape::kWarps * Shape::kKeys;
    int ahead = begin + warp * Shape::kKeys;
    const auto copy_next = [&](int stage) {
      copy_keys(task, stages + stage * Shape::kStageBytes, kv_head, ahead, end);
      commit_copies();
      ahead += stride;
    };
#pragma unroll
    for (int stage = 0; stage < Shape::kStages - 1; ++stage) copy_next(stage);

    State state;
    state.clear();
    int stage = 0;
    for (int key = begin + warp * Shape::kKeys; key < end; key += stride) {
      copy_next(stage == 0 ? Shape::kStages - 1 : stage - 1);
      wait_for_copies<Shape::kStages - 1>();
      sync_warp();
      const unsigned char* keys = stages + stage * Shape::kStageBytes;
      state.add(task, queries, keys, task.values == nullptr ? keys : keys + Shape::kKeyBytes, 0, key, end);
      sync_warp();
      stage = stage + 1 == Shape::kStages ? 0 : stage + 1;
    }
    wait_for_copies<0>();
    state.finish();
    sync_block();  // no warp reads queries or keys any more
    float* states = reinterpret_cast<float*>(shared_memory());
    keep(state, states + warp * kFewRows * Shape::kStateWidth);
    sync_block();
    merge_warps(task, states, split, kv_head, thread);
  }

 private:
  __device__ __forceinline__ static void copy_keys(const AttentionTask<T>& task, unsigned char* stage, int kv_head,
                                                   int first, int end) {
    const int count = end - first, lane = lane_index();
    if (count <= 0) return;
    copy_tile<KeyTile, Shape::kKeys>(stage, task.keys + first * task.key_stride + kv_head * KeyDim, task.key_stride,
                                     count, lane, 32);
    if (task.values == nullptr) return;
    copy_tile<ValueTile, Shape::kKeys>(stage + Shape::kKeyBytes,
                                       task.values + first * task.value_stride + kv_head * ValueDim, task.value_stride,
                                       count, lane, 32);
  }

  // The warp's rows [sums | total | reference] to shared memory.
  __device__ __forceinline__ static void keep(const State& state, float* rows) {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float* row = rows + (half * 8 + g) * Shape::kStateWidth;
#pragma unroll
      for (int c = 0; c < ValueDim / 8; ++c) {
        row[c * 8 + 2 * t] = state.sums[0][c][2 * half];
        row[c * 8 + 2 * t + 1] = state.sums[0][c][2 * half + 1];
      }
      if (t != 0) continue;
      row[ValueDim] = state.total[0][half];
      row[ValueDim + 1] = state.reference[0][half];
    }
  }

  __device__ __forceinline__ static void merge_warps(const AttentionTask<T>& task, const float* states, int split,
                                                     int kv_head, int thread) {
    const auto at = [&](int warp, int row, int column) {
      return states[(warp * kFewRows + row) * Shape::kStateWidth + column];
    };
    const int rows = task.rows(), width = task.value_dim + 1;  // sums and the total merge alike
    for (int i = thread; i < rows * width; i += 32 * Shape::kWarps) {
      const int row = i / width, column = i % width;
      float reference = State::kNothing;
#pragma unroll
      for (int warp = 0; warp < Shape::kWarps; ++warp) reference = fmaxf(reference, at(warp, row, ValueDim + 1));
      const float base = reference == State::kNothing ? 0.0f : reference;
      float merged = 0;
#pragma unroll
      for (int warp = 0; warp < Shape::kWarps; ++warp) {
        const float weight = exp2_approximate(at(warp, row, ValueDim + 1) - base);
        merged = fmaf(weight, at(warp, row, column == task.value_dim ? ValueDim : column), merged);
      }
      float* out = out_row(task, split, kv_head, row);
      out[column] = merged;
      if (column == task.value_dim) out[column + 1] = reference * kLog2;
    }
  }
};

template <class T, int KeyDim, int ValueDim>
__global__ void __launch_bounds__(32 * FewQueriesShape<T, KeyDim, ValueDim>::kWarps, 1)
    few_queries(const AttentionTask<T> task) {
  FewQueries<T, KeyDim, ValueDim>::run(task);
}

}  // namespace knowscale::cuda

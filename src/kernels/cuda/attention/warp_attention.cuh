// SPDX-License-Identifier: BSD-3-Clause
// The state of RowTiles times 16 queries in one warp's registers, and how a block of keys goes into it: scores, masks,
// the online softmax (Milakov & Gimelshein 2018), weighted values. Rows refer to scores in powers of 2.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/cuda/attention/task.hpp"
#include "kernels/cuda/attention/warp_products.cuh"

namespace knowscale::cuda {

inline constexpr float kLog2 = 0.69314718055994530942f;

// Weights of f16 are made 2^14 times larger than those of the row's maximum would be, which keeps what is small beside
// it out of the subnormal numbers; the largest is then 2^14.
template <class T>
inline constexpr float kHeadroom = std::is_same_v<T, F16> ? 14.0f : 0.0f;

template <class T, int KeyDim, int ValueDim, int RowTiles, int Keys>
struct WarpAttention {
  using Products = WarpProducts<T>;
  static constexpr float kNothing = -std::numeric_limits<float>::infinity();

  WarpTile<RowTiles, ValueDim> sums;
  float total[RowTiles][2];      // of this lane's columns alone until finish()
  float reference[RowTiles][2];  // log2 of what weights are relative to

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int tile = 0; tile < RowTiles; ++tile) {
#pragma unroll
      for (int c = 0; c < ValueDim / 8; ++c) {
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[tile][c][i] = 0;
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        total[tile][half] = 0;
        reference[tile][half] = kNothing;
      }
    }
  }

  // Takes in keys [first_key, first_key + Keys) of the task, of which those from end_key on are none, for the rows from
  // first_row on. q, k, v: tiles in shared memory.
  __device__ __forceinline__ void add(const AttentionTask<T>& task, const unsigned char* q, const unsigned char* k,
                                      const unsigned char* v, int first_row, int first_key, int end_key) {
    WarpTile<RowTiles, Keys> scores;
#pragma unroll
    for (int tile = 0; tile < RowTiles; ++tile) {
#pragma unroll
      for (int c = 0; c < Keys / 8; ++c) {
#pragma unroll
        for (int i = 0; i < 4; ++i) scores[tile][c][i] = 0;
      }
    }
    Products::template score<KeyDim, RowTiles, Keys>(q, k, scores);
    if (hides_some(task, first_row, first_key, end_key)) hide(task, first_row, first_key, end_key, scores);
    weights_of(task.scale_log2, scores);
    Products::template weigh<ValueDim, RowTiles, Keys>(scores, v, sums);
  }

  // Sums `total` over the lanes that share a row.
  __device__ __forceinline__ void finish() {
#pragma unroll
    for (int tile = 0; tile < RowTiles; ++tile) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        total[tile][half] += shuffle_xor(total[tile][half], 1);
        total[tile][half] += shuffle_xor(total[tile][half], 2);
      }
    }
  }

 private:
  __device__ __forceinline__ static bool hides_some(const AttentionTask<T>& task, int first_row, int first_key,
                                                    int end_key) {
    return first_key + Keys > end_key || task.visible != nullptr ||
           (task.causal && first_key + Keys - 1 > first_row / task.group + task.offset);
  }

  __device__ __forceinline__ static void hide(const AttentionTask<T>& task, int first_row, int first_key, int end_key,
                                              WarpTile<RowTiles, Keys>& scores) {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int tile = 0; tile < RowTiles; ++tile) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = first_row + tile * 16 + half * 8 + g;
        std::int64_t end = end_key;
        if (task.causal) end = row / task.group + task.offset + 1 < end ? row / task.group + task.offset + 1 : end;
#pragma unroll
        for (int c = 0; c < Keys / 8; ++c) {
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            const int key = first_key + c * 8 + 2 * t + i;
            const bool seen = key < end && (task.visible == nullptr || __ldg(task.visible + key) != 0);
            if (!seen) scores[tile][c][2 * half + i] = kNothing;
          }
        }
      }
    }
  }

  // Scores become weights; sums and totals follow the reference.
  __device__ __forceinline__ void weights_of(float scale_log2, WarpTile<RowTiles, Keys>& scores) {
#pragma unroll
    for (int tile = 0; tile < RowTiles; ++tile) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float highest = kNothing;
#pragma unroll
        for (int c = 0; c < Keys / 8; ++c) {
          highest = fmaxf(highest, fmaxf(scores[tile][c][2 * half], scores[tile][c][2 * half + 1]));
        }
        highest = fmaxf(highest, shuffle_xor(highest, 1));
        highest = fmaxf(highest, shuffle_xor(highest, 2));
        const float before = reference[tile][half];
        const float after = fmaxf(before, highest * scale_log2 - kHeadroom<T>);
        const float base = after == kNothing ? 0.0f : after;  // no key seen yet: all weights are 0
        const float correction = exp2_approximate(before - base);
        reference[tile][half] = after;
        float sum = 0;
#pragma unroll
        for (int c = 0; c < Keys / 8; ++c) {
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            float& score = scores[tile][c][2 * half + i];
            score = exp2_approximate(fmaf(score, scale_log2, -base));
            sum += score;
          }
        }
        total[tile][half] = fmaf(total[tile][half], correction, sum);
#pragma unroll
        for (int c = 0; c < ValueDim / 8; ++c) {
          sums[tile][c][2 * half] *= correction;
          sums[tile][c][2 * half + 1] *= correction;
        }
      }
    }
  }
};

}  // namespace knowscale::cuda

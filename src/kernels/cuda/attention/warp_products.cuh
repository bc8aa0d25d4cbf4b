// SPDX-License-Identifier: BSD-3-Clause
// The two products of attention as one warp does them on tensor cores, from tiles in shared memory: scores = Q K^T and
// sums += P V, for RowTiles times 16 queries. A lane holds of every 16 x 8 tile of the result the numbers (g, 2t),
// (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1), g = lane / 4, t = lane % 4.
#pragma once

#include <instructions.cuh>

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/attention/tile_layout.hpp"

namespace knowscale::cuda {

template <int RowTiles, int Columns>
using WarpTile = float[RowTiles][Columns / 8][4];

__device__ __forceinline__ int lane_index() { return static_cast<int>(threadIdx.x) % 32; }

// 16-bit numbers: m16n8k16, operands by ldmatrix.
template <class T>
struct WarpProducts {
  template <int Columns>
  using Tile = SwizzledTile<Columns>;

  // scores = q K^T: q holds RowTiles 16 rows of Dim numbers, k Keys rows.
  template <int Dim, int RowTiles, int Keys>
  __device__ __forceinline__ static void score(const unsigned char* q, const unsigned char* k,
                                               WarpTile<RowTiles, Keys>& scores) {
    const int lane = lane_index();
#pragma unroll 4
    for (int step = 0; step < Dim / 16; ++step) {
      std::uint32_t a[RowTiles][4];
#pragma unroll
      for (int tile = 0; tile < RowTiles; ++tile) {
        load_matrices(a[tile], q + Tile<Dim>::chunk_at(tile * 16 + lane % 16, 2 * step + lane / 16));
      }
#pragma unroll
      for (int pair = 0; pair < Keys / 16; ++pair) {
        std::uint32_t b[4];  // of keys 0 to 7: columns 0 to 7, 8 to 15; of keys 8 to 15 likewise
        load_matrices(b, k + Tile<Dim>::chunk_at(pair * 16 + lane % 8 + lane / 16 * 8, 2 * step + lane / 8 % 2));
#pragma unroll
        for (int tile = 0; tile < RowTiles; ++tile) {
          multiply_add(T(), scores[tile][2 * pair], a[tile], b[0], b[1]);
          multiply_add(T(), scores[tile][2 * pair + 1], a[tile], b[2], b[3]);
        }
      }
    }
  }

  // sums += weights V. Weights are rounded to T: a lane's numbers of a result tile are those of an operand.
  template <int Dim, int RowTiles, int Keys>
  __device__ __forceinline__ static void weigh(const WarpTile<RowTiles, Keys>& weights, const unsigned char* v,
                                               WarpTile<RowTiles, Dim>& sums) {
    const int lane = lane_index();
#pragma unroll
    for (int pair = 0; pair < Keys / 16; ++pair) {
      std::uint32_t a[RowTiles][4];
#pragma unroll
      for (int tile = 0; tile < RowTiles; ++tile) {
        const float(&left)[4] = weights[tile][2 * pair];
        const float(&right)[4] = weights[tile][2 * pair + 1];
        a[tile][0] = pack(T(), left[0], left[1]);
        a[tile][1] = pack(T(), left[2], left[3]);
        a[tile][2] = pack(T(), right[0], right[1]);
        a[tile][3] = pack(T(), right[2], right[3]);
      }
#pragma unroll
      for (int columns = 0; columns < Dim / 16; ++columns) {
        std::uint32_t b[4];  // of columns 0 to 7: keys 0 to 7, 8 to 15; of columns 8 to 15 likewise
        load_matrices_transposed(b, v + Tile<Dim>::chunk_at(pair * 16 + lane % 16, 2 * columns + lane / 16));
#pragma unroll
        for (int tile = 0; tile < RowTiles; ++tile) {
          multiply_add(T(), sums[tile][2 * columns], a[tile], b[0], b[1]);
          multiply_add(T(), sums[tile][2 * columns + 1], a[tile], b[2], b[3]);
        }
      }
    }
  }
};

// f32 by three tf32 products of what a number's 11 leading bits are and what they leave; the product of what both leave,
// 2^-22 of the whole, is not taken. Tensor cores cut sums off where they should round, which would drift over many keys:
// they add up a few products alone, and those sums are added as f32 numbers are (both after Ootomo & Yokota 2022).
template <>
struct WarpProducts<float> {
  template <int Columns>
  using Tile = PaddedTile<Columns>;

  struct Pair {
    std::uint32_t high, low;
    __device__ __forceinline__ explicit Pair(float x) : high(to_tf32(x)), low(to_tf32(x - as_float(high))) {}
    __device__ __forceinline__ Pair() {}
  };

  __device__ __forceinline__ static void multiply(float (&sum)[4], const Pair (&a)[4], Pair b0, Pair b1) {
    const std::uint32_t high[4] = {a[0].high, a[1].high, a[2].high, a[3].high};
    const std::uint32_t low[4] = {a[0].low, a[1].low, a[2].low, a[3].low};
    multiply_add_tf32(sum, low, b0.high, b1.high);
    multiply_add_tf32(sum, high, b0.low, b1.low);
    multiply_add_tf32(sum, high, b0.high, b1.high);
  }

  template <int Dim>
  __device__ __forceinline__ static float at(const unsigned char* tile, int row, int column) {
    return reinterpret_cast<const float*>(tile)[row * Tile<Dim>::kStride + column];
  }

  template <int Dim, int RowTiles, int Keys>
  __device__ __forceinline__ static void score(const unsigned char* q, const unsigned char* k,
                                               WarpTile<RowTiles, Keys>& scores) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    constexpr int steps_added = Keys >= 32 ? 4 : 2;
#pragma unroll 1
    for (int first = 0; first < Dim / 8; first += steps_added) {
      WarpTile<RowTiles, Keys> part = {};
#pragma unroll
      for (int step = first; step < first + steps_added; ++step) {
        Pair a[RowTiles][4];
#pragma unroll
        for (int tile = 0; tile < RowTiles; ++tile) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            a[tile][i] = Pair(at<Dim>(q, tile * 16 + g + i % 2 * 8, step * 8 + t + i / 2 * 4));
          }
        }
#pragma unroll
        for (int keys = 0; keys < Keys / 8; ++keys) {
          const Pair b0(at<Dim>(k, keys * 8 + g, step * 8 + t)), b1(at<Dim>(k, keys * 8 + g, step * 8 + t + 4));
#pragma unroll
          for (int tile = 0; tile < RowTiles; ++tile) multiply(part[tile][keys], a[tile], b0, b1);
        }
      }
#pragma unroll
      for (int tile = 0; tile < RowTiles; ++tile) {
#pragma unroll
        for (int keys = 0; keys < Keys / 8; ++keys) add(scores[tile][keys], part[tile][keys]);
      }
    }
  }

  // An operand has the columns t and t + 4 where a result has 2t and 2t + 1: column t of the operand stands for key 2t,
  // column t + 4 for key 2t + 1, in weights and values alike.
  template <int Dim, int RowTiles, int Keys>
  __device__ __forceinline__ static void weigh(const WarpTile<RowTiles, Keys>& weights, const unsigned char* v,
                                               WarpTile<RowTiles, Dim>& sums) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    Pair a[RowTiles][Keys / 8][4];
#pragma unroll
    for (int tile = 0; tile < RowTiles; ++tile) {
#pragma unroll
      for (int keys = 0; keys < Keys / 8; ++keys) {
        const float(&w)[4] = weights[tile][keys];
        a[tile][keys][0] = Pair(w[0]);
        a[tile][keys][1] = Pair(w[2]);
        a[tile][keys][2] = Pair(w[1]);
        a[tile][keys][3] = Pair(w[3]);
      }
    }
#pragma unroll
    for (int columns = 0; columns < Dim / 8; ++columns) {
      float part[RowTiles][4] = {};
#pragma unroll
      for (int keys = 0; keys < Keys / 8; ++keys) {
        const Pair b0(at<Dim>(v, keys * 8 + 2 * t, columns * 8 + g)),
            b1(at<Dim>(v, keys * 8 + 2 * t + 1, columns * 8 + g));
#pragma unroll
        for (int tile = 0; tile < RowTiles; ++tile) multiply(part[tile], a[tile][keys], b0, b1);
      }
#pragma unroll
      for (int tile = 0; tile < RowTiles; ++tile) add(sums[tile][columns], part[tile]);
    }
  }

 private:
  __device__ __forceinline__ static void add(float (&sum)[4], const float (&part)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) sum[i] += part[i];
  }
};

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// Weighted second moments of a shard in device memory: what kernels/moments.hpp says, and the weights. All calls only
// queue work on the stream.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/matrix.hpp"
#include "core/precision.hpp"
#include "kernels/cuda/runtime/device.hpp"
#include "kernels/cuda/runtime/tiles.hpp"
#include "kernels/moment_sums.hpp"

namespace knowscale::cuda {

// weights[k] of row k.
template <class T>
void moment_weights(MatrixView<const T> keys, MomentWeight kind, Accumulator<T>* weights, const Stream& stream);

template <class T>
struct WeightedRows {
  MatrixView<const T> keys;                 // m x d_k
  MatrixView<const T> values;               // m x d_v
  const Accumulator<T>* weights = nullptr;  // m
};

// Numbers of a tile of the result, that one block of threads sums, in each direction.
inline constexpr std::int64_t kMomentTile = 64;

// How many ranges the m rows are cut into for a result of d_k x d_v: as many blocks as keep the largest devices busy,
// but none for less than some hundred rows. It asks no device: sums are the same bits on all.
constexpr std::int64_t moment_ranges(std::int64_t m, std::int64_t d_k, std::int64_t d_v) {
  constexpr std::int64_t kBlocks = 512, kLeastRows = 256;
  const std::int64_t tiles = std::max<std::int64_t>(tiles_of(d_k, kMomentTile) * tiles_of(d_v, kMomentTile), 1);
  return std::clamp<std::int64_t>(kBlocks / tiles, 1, std::max<std::int64_t>(m / kLeastRows, 1));
}

// out = K^T diag(a) V = sum_k a_k k_k v_k^T, d_k x d_v; symmetric to the bit where both are the same view, which takes
// little more than half of the work. m may be 0. `scratch` grows to moment_ranges() results; it may not be used by
// other work until this has run. Sums of ranges are added in a fixed order: the same bits every time.
template <class T>
void moments(const WeightedRows<T>& rows, MatrixView<Accumulator<T>> out, DeviceBuffer<Accumulator<T>>& scratch,
             const Stream& stream);

}  // namespace knowscale::cuda

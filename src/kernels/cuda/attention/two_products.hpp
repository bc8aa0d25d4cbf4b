// SPDX-License-Identifier: BSD-3-Clause
// Attention as two matrix products with an online softmax between them, tile by tile: what a library's GEMM makes of
// it, the baseline of the fused kernels. Scores and weights of a tile go through device memory.
#pragma once

#include <cstdint>

#include "kernels/attention.hpp"
#include "kernels/cuda/attention/fused.hpp"
#include "kernels/cuda/attention/task.hpp"
#include "kernels/cuda/runtime/device.hpp"
#include "kernels/cuda/runtime/gemm.hpp"

namespace knowscale::cuda {

// Scores and weights of one tile.
template <class T>
struct ProductTiles {
  DeviceBuffer<float> scores;
  DeviceBuffer<T> weights;
};

// Queries and keys of a tile: as asked for, or such that a tile's scores take about 64 MiB.
TileSizes product_tiles(const TileSizes& asked, std::int64_t heads, std::int64_t queries, std::int64_t keys);

// As attend_fused(), the columns of a head beyond key_dim and task.value_dim not read. T: float, Bf16.
template <class T>
void attend_by_products(const AttentionTask<T>& task, PaddedWidths widths, int key_dim, const TileSizes& asked,
                        ProductTiles<T>& tiles, const Blas& blas, Products products);

}  // namespace knowscale::cuda

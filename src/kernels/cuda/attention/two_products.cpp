// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/attention/two_products.hpp"

#include <algorithm>

#include "kernels/cuda/attention/online_softmax.hpp"
#include "kernels/cuda/attention/rows.hpp"

namespace knowscale::cuda {
namespace {

constexpr std::int64_t kTileScores = std::int64_t{64} << 18;  // 64 MiB of f32
constexpr std::int64_t kTileKeys = 4096;

// Rows `queries` of the task against keys `keys`.
template <class T>
struct Tile {
  const AttentionTask<T>& task;
  PaddedWidths widths;
  int key_dim;
  RowRange queries, keys;

  std::int64_t state_width() const { return task.value_dim + 2; }
  float* states() const { return task.out + queries.begin * task.heads() * state_width(); }
};

// The heads that share a place in their groups are one batch of products: a group's heads have the same keys.
template <class T>
void multiply_scores(const Tile<T>& tile, float* scores, const Blas& blas, Products products) {
  const AttentionTask<T>& task = tile.task;
  const std::int64_t rows = tile.queries.size(), keys = tile.keys.size(), width = tile.widths.key;
  for (std::int64_t g = 0; g < task.group; ++g) {
    multiply<T, float>(
        blas,
        {task.queries + tile.queries.begin * task.query_stride + g * width, rows, tile.key_dim, task.query_stride},
        {task.keys + tile.keys.begin * task.key_stride, keys, tile.key_dim, task.key_stride},
        {scores + g * rows * keys, rows, keys, keys},
        {.b_transposed = true,
         .products = products,
         .count = task.kv_heads,
         .step_a = task.group * width,
         .step_b = width,
         .step_c = task.group * rows * keys});
  }
}

template <class T>
void add_values(const Tile<T>& tile, const T* weights, const Blas& blas, Products products) {
  const AttentionTask<T>& task = tile.task;
  const std::int64_t rows = tile.queries.size(), keys = tile.keys.size();
  const bool own = task.values == nullptr;
  const T* values = own ? task.keys : task.values;
  const std::int64_t stride = own ? task.key_stride : task.value_stride,
                     width = own ? tile.widths.key : tile.widths.value;
  for (std::int64_t g = 0; g < task.group; ++g) {
    multiply<T, float>(
        blas, {weights + g * rows * keys, rows, keys, keys},
        {values + tile.keys.begin * stride, keys, task.value_dim, stride},
        {tile.states() + g * tile.state_width(), rows, task.value_dim, task.heads() * tile.state_width()},
        {.beta = 1,
         .products = products,
         .count = task.kv_heads,
         .step_a = task.group * rows * keys,
         .step_b = width,
         .step_c = task.group * tile.state_width()});
  }
}

template <class T>
SoftmaxTile<T> softmax_of(const Tile<T>& tile, const ProductTiles<T>& buffers, T* weights) {
  const AttentionTask<T>& task = tile.task;
  SoftmaxTile<T> softmax;
  softmax.scores = buffers.scores.data();
  softmax.weights = weights;
  softmax.states = tile.states();
  softmax.heads = task.heads();
  softmax.rows = static_cast<int>(tile.queries.size());
  softmax.keys = static_cast<int>(tile.keys.size());
  softmax.value_dim = task.value_dim;
  softmax.scale_log2 = task.scale_log2;
  softmax.causal = task.causal;
  softmax.offset = task.offset + tile.queries.begin - tile.keys.begin;
  softmax.visible = task.visible == nullptr ? nullptr : task.visible + tile.keys.begin;
  return softmax;
}

}  // namespace

TileSizes product_tiles(const TileSizes& asked, std::int64_t heads, std::int64_t queries, std::int64_t keys) {
  TileSizes tiles = asked;
  if (tiles.keys == 0) tiles.keys = kTileKeys;
  tiles.keys = std::clamp<std::int64_t>(tiles.keys, 1, std::max<std::int64_t>(keys, 1));
  if (tiles.queries == 0) tiles.queries = std::max<std::int64_t>(kTileScores / (heads * tiles.keys), 16);
  tiles.queries = std::clamp<std::int64_t>(tiles.queries, 1, std::max<std::int64_t>(queries, 1));
  return tiles;
}

template <class T>
void attend_by_products(const AttentionTask<T>& task, PaddedWidths widths, int key_dim, const TileSizes& asked,
                        ProductTiles<T>& buffers, const Blas& blas, Products products) {
  const std::int64_t heads = task.heads(), rows = task.query_count * heads, width = task.value_dim + 2;
  if (rows == 0) return;
  clear({task.out, rows, width, width}, blas.stream());
  const TileSizes tiles = product_tiles(asked, heads, task.query_count, task.key_count);
  buffers.scores.reserve(heads * tiles.queries * tiles.keys);
  buffers.weights.reserve(heads * tiles.queries * tiles.keys);
  for (std::int64_t q = 0; q < task.query_count; q += tiles.queries) {
    const RowRange queries = {q, std::min<std::int64_t>(q + tiles.queries, task.query_count)};
    std::int64_t end = task.key_count;
    if (task.causal) end = std::clamp<std::int64_t>(queries.end + task.offset, 0, end);
    for (std::int64_t k = 0; k < end; k += tiles.keys) {
      const Tile<T> tile = {task, widths, key_dim, queries, {k, std::min(k + tiles.keys, end)}};
      multiply_scores(tile, buffers.scores.data(), blas, products);
      online_softmax(softmax_of(tile, buffers, buffers.weights.data()), blas.stream());
      add_values<T>(tile, buffers.weights.data(), blas, products);
    }
  }
}

template void attend_by_products(const AttentionTask<float>&, PaddedWidths, int, const TileSizes&, ProductTiles<float>&,
                                 const Blas&, Products);
template void attend_by_products(const AttentionTask<Bf16>&, PaddedWidths, int, const TileSizes&, ProductTiles<Bf16>&,
                                 const Blas&, Products);

}  // namespace knowscale::cuda

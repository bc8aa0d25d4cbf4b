// SPDX-License-Identifier: BSD-3-Clause
// Work is divided over (query tile, head), and over key ranges too where those are fewer than the threads
// (split-KV), so that one query still uses every thread. Ranges merge in a fixed order.
//
//        keys ->  | block | block | ...          scores = scale Q_tile K_block^T      (GEMM)
//   Q tile (256)  |  256 x 512 scores |          max, exp, sum in place               (softmax.cpp)
//                                                o += weights V_block                 (GEMM)
#include "kernels/blas/attention.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/blas/gemm.hpp"
#include "kernels/blas/softmax.hpp"
#include "kernels/partial.hpp"
#include "kernels/threads.hpp"

namespace knowscale::blas {
namespace {

// Chosen by bench/attention: see the table in bench/README.md.
constexpr std::int64_t kQueryTile = 256;
constexpr std::int64_t kKeyBlock = 512;

// Scores of hidden keys become -inf. The first row is query `first_query`, the first column key `first_key`.
template <class T>
void hide(const Mask& mask, std::int64_t first_query, std::int64_t first_key, MatrixView<T> scores) {
  if (mask.hides_nothing()) return;
  for (std::int64_t i = 0; i < scores.rows; ++i) {
    for (std::int64_t k = 0; k < scores.cols; ++k) {
      if (!mask.shows(first_query + i, first_key + k)) scores(i, k) = -std::numeric_limits<T>::infinity();
    }
  }
}

// Streams the keys of `range` past one tile of queries of one head; overwrites the tile's rows of `out`
// (row i of the tile is out.row(i), rows of other heads lie between them: `out` is strided).
template <class T>
void compute_tile(const AttentionInput<T>& input, RowRange tile, std::int64_t head, RowRange range, MatrixView<T> out) {
  const HeadShape& shape = input.shape;
  const std::int64_t kv_head = shape.kv_head_of(head);
  const auto queries = input.queries.slice_rows(tile).slice_cols(head * shape.key_dim, shape.key_dim);
  const auto block_of = [&](const StoredRows<T>& rows, std::int64_t width, RowRange block, Matrix<T>& copy) {
    return numbers_of(rows.slice_rows(block), kv_head * width, width, copy);
  };
  Matrix<T> key_copy, value_copy;
  const std::int64_t key_block = input.tiles.keys > 0 ? input.tiles.keys : kKeyBlock;
  Matrix<T> scores(tile.size(), std::min(key_block, range.size()));
  clear(out);
  for (std::int64_t begin = range.begin; begin < range.end; begin += key_block) {
    const RowRange block = {begin, std::min(begin + key_block, range.end)};
    const MatrixView<T> tile_scores = {scores.data(), tile.size(), block.size(), scores.cols()};
    gemm_transposed<T>(static_cast<T>(input.scale), queries, block_of(input.keys, shape.key_dim, block, key_copy), T{0},
                       tile_scores);
    hide(input.mask, tile.begin, block.begin, tile_scores);
    softmax_block(tile_scores, out);
    gemm<T>(T{1}, tile_scores, block_of(input.values, shape.value_dim, block, value_copy), T{1},
            out.slice_cols(0, shape.value_dim));
  }
}

// Rows of one query tile and head inside a state: row stride `heads` rows.
template <class T>
MatrixView<T> rows_of(MatrixView<T> state, RowRange tile, std::int64_t heads, std::int64_t head) {
  return {state.row(tile.begin * heads + head), tile.size(), state.cols, state.stride * heads};
}

template <class T>
double compute_in_tiles(const AttentionInput<T>& input, MatrixView<T> out, const Threads& threads) {
  const std::int64_t heads = input.shape.heads, keys = input.keys.rows;
  // Tiles of equal size, enough of them that every thread has one where the queries suffice.
  const std::int64_t query_tile = input.tiles.queries > 0 ? input.tiles.queries : kQueryTile;
  const std::int64_t tiles = (input.queries.rows + query_tile - 1) / query_tile;
  const std::int64_t splits =
      std::clamp<std::int64_t>((threads.count() + tiles * heads - 1) / std::max<std::int64_t>(tiles * heads, 1), 1,
                               std::max<std::int64_t>(keys / kKeyBlock, 1));
  std::vector<Partial<T>> others;
  for (std::int64_t split = 1; split < splits; ++split) others.emplace_back(input.queries.rows, input.shape);

  threads.parallel_for(splits * tiles * heads, [&](std::int64_t task) {
    const std::int64_t split = task / (tiles * heads), head = task % heads;
    const RowRange tile = row_range(input.queries.rows, tiles, task / heads % tiles);
    const MatrixView<T> state = split == 0 ? out : others[static_cast<std::size_t>(split - 1)].rows();
    compute_tile(input, tile, head, row_range(keys, splits, split), rows_of(state, tile, heads, head));
    threads.poll();
  });
  for (const Partial<T>& other : others) merge<T>(out, other.rows());
  return 0;
}

}  // namespace

// BLAS has no 16-bit numbers.
constinit const ByPrecision<ComputeState> compute =
    by_precision<ComputeState>([]<class T>() { return compute_in_tiles<T>; }, Numbers<float, double>());

std::int64_t scratch_bytes(Precision precision, const HeadShape& shape, int threads) {
  const std::int64_t tile = kQueryTile * kKeyBlock, split_state = kQueryTile * shape.heads * (shape.value_dim + 2);
  return threads * (tile + split_state) * static_cast<std::int64_t>(bytes_of(unscaled(precision)));
}

}  // namespace knowscale::blas

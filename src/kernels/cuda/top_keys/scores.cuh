// SPDX-License-Identifier: BSD-3-Clause
// Scores in f64, each one chain of multiply-adds in the order of the columns, then scaled: to the bit those that
// kernels/top_keys.hpp describes. A block takes 64 query rows of one key/value head and 64 keys, 4 x 4 scores a thread;
// columns pass through shared memory a step at a time, the next on its way in registers while one is multiplied.
#pragma once

#include <instructions.cuh>

#include <algorithm>
#include <cstdint>

#include "kernels/attention.hpp"
#include "kernels/cuda/runtime/numbers.cuh"

namespace knowscale::cuda {

inline constexpr int kScoreThreads = 256;
inline constexpr int kScoreTile = 64;  // query rows, and keys
inline constexpr int kScoreSide = 4;   // scores of a thread in each direction, kScoreAcross apart
inline constexpr int kScoreAcross = kScoreTile / kScoreSide;
inline constexpr int kStepColumns = 16;
static_assert(kScoreAcross * kScoreAcross == kScoreThreads && kStepColumns == kScoreAcross);

// Row c: column c of all rows of the tile. One more than a tile, so that 16 columns of a row are in banks of their own.
struct ScoreStep {
  double queries[kStepColumns][kScoreTile + 1];
  double keys[kStepColumns][kScoreTile + 1];
};

template <class T>
struct ScoreTile {
  const AttentionInput<T>& input;
  RowRange keys;  // from the tile's first to the chunk's last
  std::int64_t kv_head;
  std::int64_t first;  // of the rows of this key/value head: row i is head i % group of query i / group

  __device__ __forceinline__ std::int64_t group() const { return input.shape.heads / input.shape.kv_heads; }
  __device__ __forceinline__ bool has_row(int i) const { return first + i < input.queries.rows * group(); }
  __device__ __forceinline__ std::int64_t query(int i) const { return (first + i) / group(); }
  __device__ __forceinline__ std::int64_t head(int i) const { return kv_head * group() + (first + i) % group(); }
};

// What this thread brings of a step: one column of four query rows and of four keys; zero where there is none.
template <class T>
class FetchedScores {
 public:
  __device__ __forceinline__ explicit FetchedScores(const ScoreTile<T>& tile) : key_dim_(tile.input.shape.key_dim) {
    for (int i = 0; i < kScoreSide; ++i) {
      const int row = row_of_tile(i);
      const bool has_key = row < tile.keys.size();
      query_rows_[i] =
          tile.has_row(row) ? row_of(tile.input.queries, tile.query(row)) + tile.head(row) * key_dim_ : nullptr;
      key_rows_[i] = has_key ? row_of(tile.input.keys, tile.keys.begin + row) + tile.kv_head * key_dim_ : nullptr;
    }
  }

  __device__ __forceinline__ void fetch(std::int64_t first_column) {
    const std::int64_t c = first_column + column();
    for (int i = 0; i < kScoreSide; ++i) {
      queries_[i] = query_rows_[i] != nullptr && c < key_dim_ ? widened(query_rows_[i][c]) : 0;
      keys_[i] = key_rows_[i] != nullptr && c < key_dim_ ? widened(key_rows_[i][c]) : 0;
    }
  }

  __device__ __forceinline__ void put(ScoreStep& step) const {
    for (int i = 0; i < kScoreSide; ++i) {
      step.queries[column()][row_of_tile(i)] = queries_[i];
      step.keys[column()][row_of_tile(i)] = keys_[i];
    }
  }

 private:
  __device__ __forceinline__ static int column() { return static_cast<int>(threadIdx.x) % kStepColumns; }
  __device__ __forceinline__ static int row_of_tile(int i) {
    return static_cast<int>(threadIdx.x) / kStepColumns + i * kScoreAcross;
  }

  std::int64_t key_dim_;
  const T* query_rows_[kScoreSide];
  const T* key_rows_[kScoreSide];
  Accumulator<T> queries_[kScoreSide];
  Accumulator<T> keys_[kScoreSide];
};

// The scores of query rows y + 16 i and keys x + 16 j of the tile, for thread y * 16 + x.
struct ThreadScores {
  double sums[kScoreSide][kScoreSide] = {};

  __device__ __forceinline__ static int row(int i) {
    return static_cast<int>(threadIdx.x) / kScoreAcross + i * kScoreAcross;
  }
  __device__ __forceinline__ static int key(int j) {
    return static_cast<int>(threadIdx.x) % kScoreAcross + j * kScoreAcross;
  }

  // Only columns that there are: one more, though zero, would turn a sum of -0 to 0.
  __device__ __forceinline__ void add(const ScoreStep& step, int columns) {
    for (int c = 0; c < columns; ++c) {
      double keys[kScoreSide];
      for (int j = 0; j < kScoreSide; ++j) keys[j] = step.keys[c][key(j)];
      for (int i = 0; i < kScoreSide; ++i) {
        const double query = step.queries[c][row(i)];
        for (int j = 0; j < kScoreSide; ++j) sums[i][j] = fused_multiply_add(keys[j], query, sums[i][j]);
      }
    }
  }
};

// Not yet scaled. `steps`: two in shared memory, of which one is filled while another may still be read, and a single
// barrier parts them.
template <class T>
__device__ __forceinline__ ThreadScores products_of(const ScoreTile<T>& tile, ScoreStep* steps) {
  const std::int64_t key_dim = tile.input.shape.key_dim;
  FetchedScores<T> next(tile);
  ThreadScores scores;
  next.fetch(0);
  int step = 0;
  for (std::int64_t first = 0; first < key_dim; first += kStepColumns, step ^= 1) {
    next.put(steps[step]);
    sync_block();
    const std::int64_t left = key_dim - first;
    if (left > kStepColumns) next.fetch(first + kStepColumns);
    scores.add(steps[step], left < kStepColumns ? static_cast<int>(left) : kStepColumns);
  }
  return scores;
}

}  // namespace knowscale::cuda

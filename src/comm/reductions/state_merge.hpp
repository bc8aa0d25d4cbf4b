// SPDX-License-Identifier: BSD-3-Clause
// What the reductions have in common that compute a state of all queries on every rank, over its own shard, and then
// merge the states of the ranks. Each is one class derived from StateMerge.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "comm/channel.hpp"
#include "comm/reduction.hpp"
#include "kernels/partial.hpp"

namespace knowscale {

// Memory for, and exchange of, one tile of queries at a time.
template <class T>
class StateMerge {
 public:
  using A = Accumulator<T>;

  virtual ~StateMerge() = default;
  StateMerge(const StateMerge&) = delete;
  StateMerge& operator=(const StateMerge&) = delete;

  // Begins a tile of that many queries.
  void begin(std::int64_t queries) { state_ = memory_.slice_rows({0, queries * attention_.input.shape.heads}); }

  // This rank's state of some of the tile's queries: those whose rows of the tile's state begin at `first_row`.
  virtual void compute(const AttentionInput<T>& queries, std::int64_t first_row) {
    const std::int64_t rows = queries.queries.rows * queries.shape.heads;
    copied_ += attend<T>(attention_.kernel, queries, sources_, state_.slice_rows({first_row, first_row + rows}),
                         attention_.threads);
  }

  // Merges what the ranks computed. Collective. of_rank: the rows that each rank ends with, where results land sharded.
  virtual Exchange merge(std::span<const RowRange> of_rank) = 0;

  // Once merged: all rows of the tile, or this rank's own.
  virtual MatrixView<const A> merged() const { return state_; }

  // Seconds of copies between host and device since this was last called.
  double take_copied() { return copied_.exchange(0); }

 protected:
  // For tiles of at most `rows` rows of state. Collective.
  StateMerge(const ShardedAttention<T>& attention, std::int64_t rows)
      : attention_(attention),
        sources_(attention.own_sources()),
        channel_(attention.comm, attention.options.overlap),
        own_(rows, width()),
        memory_(own_.view()) {}

  std::int64_t width() const { return attention_.input.shape.value_dim + 2; }
  int rank() const { return channel_.rank(); }
  int size() const { return channel_.size(); }

  const ShardedAttention<T>& attention_;
  std::vector<KeySource<T>> sources_;  // this rank's
  Channel channel_;
  Matrix<A> own_;
  MatrixView<A> memory_;  // where states are computed: own_, unless the derived class has better
  MatrixView<A> state_;   // of the present tile
  std::atomic<double> copied_ = 0;
};

}  // namespace knowscale

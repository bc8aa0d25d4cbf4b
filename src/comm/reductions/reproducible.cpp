// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/reproducible.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "comm/reductions/binomial_tree.hpp"
#include "comm/reductions/chunk_tree.hpp"
#include "comm/reductions/in_tiles.hpp"

namespace knowscale::reproducible {
namespace {

// Queries that a kernel sees at once: which ones share a tile inside it decides roundings.
constexpr std::int64_t kQueryGroup = 256;

template <class T>
class Reproducible : public StateMerge<T> {
  using A = Accumulator<T>;

 public:
  static constexpr Placement kNatural = Placement::replicated;
  static constexpr std::int64_t kGranule = kQueryGroup;

  Reproducible(const ShardedAttention<T>& attention, std::int64_t rows)
      : StateMerge<T>(attention, rows), rows_(rows), tree_(attention.shards, attention.options.chunk) {}

  void compute(const AttentionInput<T>& tile) override {
    this->state_ = this->memory_.slice_rows({0, tile.queries.rows * tile.shape.heads});
    const Threads& threads = this->attention_.threads;
    const RowRange held = tree_.chunks_of(this->rank());
    const std::int64_t groups = std::max<std::int64_t>((tile.queries.rows + kQueryGroup - 1) / kQueryGroup, 1);
    // As many chunks at once as keep all threads busy.
    const std::int64_t at_once = groups % threads.count() == 0 ? 1 : threads.count();
    for (std::int64_t first = held.begin; first < held.end; first += at_once) {
      const std::int64_t count = std::min(at_once, held.end - first);
      for (std::int64_t c = first; c < first + count; ++c) nodes_.emplace(c, take_buffer());
      threads.parallel_for(count * groups, [&](std::int64_t task) {
        compute_group(tile, first + task / groups, task % groups);
        threads.poll();
      });
      for (std::int64_t c = first; c < first + count; ++c) merge_complete(c, held.begin);
    }
  }

  Exchange merge(std::span<const RowRange>) override {
    for (int level = 1; level <= tree_.levels(); ++level) {
      const auto sent = tree_.sent(this->rank(), level), received = tree_.received(this->rank(), level);
      Requests under_way;
      Matrix<A> right;
      if (received) {
        right = take_buffer();
        under_way.add(this->channel_.template receive<A>(of_tile(right), received->other));
      }
      if (sent) under_way.add(this->channel_.template send<A>(of_tile(nodes_.at(sent->chunk)), sent->other));
      co_await std::move(under_way);
      if (sent) release(sent->chunk);
      if (received) {
        knowscale::merge<A>(of_tile(nodes_.at(received->into)), of_tile(right), this->attention_.threads);
        free_.push_back(std::move(right));
      }
      merge_level(level);
    }
    co_await distribute();
  }

 private:
  MatrixView<A> of_tile(Matrix<A>& node) const { return node.view().slice_rows({0, this->state_.rows}); }

  Matrix<A> take_buffer() {
    if (free_.empty()) return Matrix<A>(rows_, this->width());
    Matrix<A> buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }
  void release(std::int64_t node) { free_.push_back(std::move(nodes_.extract(node).mapped())); }

  void compute_group(const AttentionInput<T>& tile, std::int64_t chunk, std::int64_t group) {
    const std::int64_t size = this->attention_.options.chunk, heads = tile.shape.heads;
    const std::int64_t own_begin = this->attention_.shards[static_cast<std::size_t>(this->rank())].begin;
    const std::int64_t begin = chunk * size - own_begin;
    const RowRange keys = {begin, std::min(begin + size, tile.keys.rows)};
    const RowRange queries = {group * kQueryGroup, std::min((group + 1) * kQueryGroup, tile.queries.rows)};
    AttentionInput<T> part = tile;
    part.queries = tile.queries.slice_rows(queries);
    part.keys = tile.keys.slice_rows(keys);
    part.values = tile.values.slice_rows(keys);
    part.mask.offset += queries.begin - keys.begin;
    if (!tile.mask.visible.empty()) {
      part.mask.visible =
          tile.mask.visible.subspan(static_cast<std::size_t>(keys.begin), static_cast<std::size_t>(keys.size()));
    }
    const MatrixView<A> state = of_tile(nodes_.at(chunk)).slice_rows({queries.begin * heads, queries.end * heads});
    this->attention_.kernel.compute(part, state, serial_);
  }

  void merge_into(std::int64_t left, std::int64_t right) {
    knowscale::merge<A>(of_tile(nodes_.at(left)), of_tile(nodes_.at(right)), this->attention_.threads);
    release(right);
  }

  // Merges the node that the chunk completes, and those that this completes in turn, as far as they begin in the shard.
  void merge_complete(std::int64_t chunk, std::int64_t first) {
    for (std::int64_t half = 1; (chunk & half) != 0 && chunk - half >= first; half *= 2) {
      merge_into(chunk - half, chunk);
      chunk -= half;
    }
  }

  // Both halves in this rank's hands, which became complete on this level alone.
  void merge_level(int level) {
    const std::int64_t half = std::int64_t{1} << (level - 1);
    std::vector<std::int64_t> rights;
    for (const auto& [begin, state] : nodes_) {
      if (begin % (2 * half) == half && nodes_.contains(begin - half)) rights.push_back(begin);
    }
    for (const std::int64_t right : rights) merge_into(right - half, right);
  }

  // From the root's owner to all.
  Exchange distribute() {
    const Channel& channel = this->channel_;
    const MatrixView<A> state = this->state_;
    const int owner = tree_.root_owner();
    if (channel.rank() == owner) {
      if (tree_.chunks() == 0) {
        clear(state);
      } else {
        std::copy_n(nodes_.at(0).data(), state.size(), state.data);
        release(0);
      }
      if (owner != 0) co_await channel.template send<A>(state, 0);
    } else if (channel.rank() == 0) {
      co_await channel.template receive<A>(state, owner);
    }
    co_await broadcast_down<A>(channel, state);
  }

  std::int64_t rows_;
  ChunkTree tree_;
  Threads serial_{1};
  std::map<std::int64_t, Matrix<A>> nodes_;  // by first chunk
  std::vector<Matrix<A>> free_;
};

}  // namespace

template <class T>
std::unique_ptr<PreparedAttention<T>> prepare(const ShardedAttention<T>& attention) {
  return prepare_in_tiles<T, Reproducible>(attention);
}

ReductionCost cost(const ReductionShape& shape) {
  const ChunkTree tree(shard_ranges(shape.keys, shape.ranks, shape.options.chunk), shape.options.chunk);
  std::vector<double> sends(static_cast<std::size_t>(shape.ranks), 0);
  double levels = 0;
  for (int level = 1; level <= tree.levels(); ++level) {
    bool any = false;
    for (int r = 0; r < shape.ranks; ++r) {
      if (!tree.sent(r, level)) continue;
      ++sends[static_cast<std::size_t>(r)];
      any = true;
    }
    if (any) ++levels;
  }
  for (int r = 0; r < shape.ranks; ++r) sends[static_cast<std::size_t>(r)] += broadcast_sends(r, shape.ranks);
  const double most = *std::max_element(sends.begin(), sends.end());
  return sum_over_tiles(
      shape, Placement::replicated,
      [&](const ReductionShape& tile) {
        const double rounds = levels + tree_depth(tile.ranks), state = tile.whole_state();
        ReductionCost cost;
        cost.buffers = (2 * tree.levels() + 3) * state;
        cost.sent = {most, most * state};
        cost.rounds = rounds;
        cost.round_bytes = rounds * state;
        cost.merged_bytes = levels * state;
        return cost;
      },
      kQueryGroup);
}

template std::unique_ptr<PreparedAttention<float>> prepare(const ShardedAttention<float>&);
template std::unique_ptr<PreparedAttention<double>> prepare(const ShardedAttention<double>&);
template std::unique_ptr<PreparedAttention<Bf16>> prepare(const ShardedAttention<Bf16>&);
template std::unique_ptr<PreparedAttention<F16>> prepare(const ShardedAttention<F16>&);

}  // namespace knowscale::reproducible

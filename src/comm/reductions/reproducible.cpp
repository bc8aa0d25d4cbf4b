// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/reproducible.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "comm/reductions/binomial_tree.hpp"
#include "comm/reductions/chunk_tree.hpp"
#include "comm/reductions/in_tiles.hpp"
#include "kernels/threads.hpp"

namespace knowscale::reproducible {
namespace {

// Queries that a kernel sees at once: which ones share a tile inside it decides roundings.
constexpr std::int64_t kQueryGroup = 256;

template <class T>
class Reproducible : public StateMerge<T> {
  using A = Accumulator<T>;
  using Nodes = std::map<std::int64_t, Matrix<A>>;  // by first chunk

 public:
  static constexpr Placement kNatural = Placement::replicated;
  static constexpr std::int64_t kGranule = kQueryGroup;

  Reproducible(const ShardedAttention<T>& attention, std::int64_t rows) : StateMerge<T>(attention, rows), rows_(rows) {
    for (const ShardedKeys<T>& source : attention.sources) trees_.emplace_back(source.shards, attention.options.chunk);
    nodes_.resize(trees_.size());
  }

  void compute(const AttentionInput<T>& tile, std::int64_t) override {
    for (std::size_t source = 0; source < trees_.size(); ++source) compute_source(tile, source);
  }

  Exchange merge(std::span<const RowRange>) override {
    for (std::size_t source = 0; source < trees_.size(); ++source) co_await climb(trees_[source], nodes_[source]);
    for (std::size_t source = 1; source < trees_.size(); ++source) co_await add_root(source);
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
  void release(Nodes& nodes, std::int64_t node) { free_.push_back(std::move(nodes.extract(node).mapped())); }

  void compute_source(const AttentionInput<T>& tile, std::size_t source) {
    const Threads& threads = this->attention_.threads;
    const RowRange held = trees_[source].chunks_of(this->rank());
    const std::int64_t groups = std::max<std::int64_t>((tile.queries.rows + kQueryGroup - 1) / kQueryGroup, 1);
    Nodes& nodes = nodes_[source];
    // As many chunks at once as keep all threads busy.
    const std::int64_t at_once = groups % threads.count() == 0 ? 1 : threads.count();
    for (std::int64_t first = held.begin; first < held.end; first += at_once) {
      const std::int64_t count = std::min(at_once, held.end - first);
      for (std::int64_t c = first; c < first + count; ++c) nodes.emplace(c, take_buffer());
      threads.parallel_for(count * groups, [&](std::int64_t task) {
        compute_group(tile, source, first + task / groups, task % groups);
        threads.poll();
      });
      for (std::int64_t c = first; c < first + count; ++c) merge_complete(nodes, c, held.begin);
    }
  }

  void compute_group(const AttentionInput<T>& tile, std::size_t source, std::int64_t chunk, std::int64_t group) {
    const std::int64_t size = this->attention_.options.chunk, heads = tile.shape.heads;
    const ShardedKeys<T>& all = this->attention_.sources[source];
    const std::int64_t begin = chunk * size - all.shards[static_cast<std::size_t>(this->rank())].begin;
    const RowRange keys = {begin, std::min(begin + size, all.own.keys.rows)};
    const RowRange queries = {group * kQueryGroup, std::min((group + 1) * kQueryGroup, tile.queries.rows)};
    KeySource<T> part = all.own;
    part.keys = all.own.keys.slice_rows(keys);
    part.values = all.own.values.slice_rows(keys);
    part.mask.first_key += keys.begin;
    part.screen = all.own.screen.slice_rows(keys);
    if (!part.mask.visible.empty()) {
      part.mask.visible =
          part.mask.visible.subspan(static_cast<std::size_t>(keys.begin), static_cast<std::size_t>(keys.size()));
    }
    AttentionInput<T> some = tile;
    some.queries = tile.queries.slice_rows(queries);
    some.same_bits = true;
    some.mask.first_query += queries.begin;
    const MatrixView<A> state =
        of_tile(nodes_[source].at(chunk)).slice_rows({queries.begin * heads, queries.end * heads});
    this->copied_ += attend<T>(this->attention_.kernel, some, {&part, 1}, state, serial_);
  }

  void merge_into(Nodes& nodes, std::int64_t left, std::int64_t right) {
    knowscale::merge<A>(of_tile(nodes.at(left)), of_tile(nodes.at(right)), this->attention_.threads);
    release(nodes, right);
  }

  // Merges the node that the chunk completes, and those that this completes in turn, as far as they begin in the shard.
  void merge_complete(Nodes& nodes, std::int64_t chunk, std::int64_t first) {
    for (std::int64_t half = 1; (chunk & half) != 0 && chunk - half >= first; half *= 2) {
      merge_into(nodes, chunk - half, chunk);
      chunk -= half;
    }
  }

  // Both halves in this rank's hands, which became complete on this level alone.
  void merge_level(Nodes& nodes, int level) {
    const std::int64_t half = std::int64_t{1} << (level - 1);
    std::vector<std::int64_t> rights;
    for (const auto& [begin, state] : nodes) {
      if (begin % (2 * half) == half && nodes.contains(begin - half)) rights.push_back(begin);
    }
    for (const std::int64_t right : rights) merge_into(nodes, right - half, right);
  }

  // To the root of one source's tree, level by level.
  Exchange climb(const ChunkTree& tree, Nodes& nodes) {
    for (int level = 1; level <= tree.levels(); ++level) {
      const auto sent = tree.sent(this->rank(), level), received = tree.received(this->rank(), level);
      Requests under_way;
      Matrix<A> right;
      if (received) {
        right = take_buffer();
        under_way.add(this->channel_.template receive<A>(of_tile(right), received->other));
      }
      if (sent) under_way.add(this->channel_.template send<A>(of_tile(nodes.at(sent->chunk)), sent->other));
      co_await std::move(under_way);
      if (sent) release(nodes, sent->chunk);
      if (received) {
        knowscale::merge<A>(of_tile(nodes.at(received->into)), of_tile(right), this->attention_.threads);
        free_.push_back(std::move(right));
      }
      merge_level(nodes, level);
    }
  }

  // The root of another source goes to that of the first, and into it.
  Exchange add_root(std::size_t source) {
    if (trees_[source].chunks() == 0) co_return;
    const int from = trees_[source].root_owner(), to = trees_[0].root_owner();
    if (this->rank() == from && from != to) {
      co_await this->channel_.template send<A>(of_tile(nodes_[source].at(0)), to);
      release(nodes_[source], 0);
    }
    if (this->rank() != to) co_return;
    Matrix<A> root = from == to ? std::move(nodes_[source].extract(0).mapped()) : take_buffer();
    if (from != to) co_await this->channel_.template receive<A>(of_tile(root), from);
    if (trees_[0].chunks() == 0 && !nodes_[0].contains(0)) {
      nodes_[0].emplace(0, std::move(root));
    } else {
      knowscale::merge<A>(of_tile(nodes_[0].at(0)), of_tile(root), this->attention_.threads);
      free_.push_back(std::move(root));
    }
  }

  // From the root's owner to all.
  Exchange distribute() {
    const Channel& channel = this->channel_;
    const MatrixView<A> state = this->state_;
    const int owner = trees_.empty() ? 0 : trees_[0].root_owner();
    if (channel.rank() == owner) {
      if (trees_.empty() || !nodes_[0].contains(0)) {
        clear(state);
      } else {
        std::copy_n(nodes_[0].at(0).data(), state.size(), state.data);
        release(nodes_[0], 0);
      }
      if (owner != 0) co_await channel.template send<A>(state, 0);
    } else if (channel.rank() == 0) {
      co_await channel.template receive<A>(state, owner);
    }
    co_await broadcast_down<A>(channel, state);
  }

  std::int64_t rows_;
  std::vector<ChunkTree> trees_;  // of each source
  Threads serial_{1};
  std::vector<Nodes> nodes_;  // likewise
  std::vector<Matrix<A>> free_;
};

}  // namespace

constinit const ByPrecision<PrepareAttention> prepare = prepared_in_tiles<Reproducible>();

ReductionCost cost(const ReductionShape& shape) {
  std::vector<double> sends(static_cast<std::size_t>(shape.ranks), 0);
  double rounds = tree_depth(shape.ranks), merges = 0;
  int deepest = 0, root = 0;  // root: who ends with that of the first source
  for (std::size_t source = 0; source < shape.keys.size(); ++source) {
    const ChunkTree tree(shard_ranges(shape.keys[source].count, shape.ranks, shape.options.chunk), shape.options.chunk);
    deepest = std::max(deepest, tree.levels());
    for (int level = 1; level <= tree.levels(); ++level) {
      bool any = false;
      for (int r = 0; r < shape.ranks; ++r) {
        if (!tree.sent(r, level)) continue;
        ++sends[static_cast<std::size_t>(r)];
        any = true;
      }
      rounds += any ? 1 : 0;
      merges += any ? 1 : 0;
    }
    if (source == 0) root = tree.root_owner();
    if (source > 0 && tree.chunks() > 0) {
      merges += 1;
      if (tree.root_owner() != root) {
        ++sends[static_cast<std::size_t>(tree.root_owner())];
        rounds += 1;
      }
    }
  }
  for (int r = 0; r < shape.ranks; ++r) sends[static_cast<std::size_t>(r)] += broadcast_sends(r, shape.ranks);
  const double most = *std::max_element(sends.begin(), sends.end());
  return sum_over_tiles(
      shape, Placement::replicated,
      [&](const ReductionShape& tile) {
        const double state = tile.whole_state();
        ReductionCost cost;
        cost.buffers = (2 * deepest + 3) * state * static_cast<double>(std::max<std::size_t>(shape.keys.size(), 1));
        cost.sent = {most, most * state};
        cost.rounds = rounds;
        cost.round_bytes = rounds * state;
        cost.merged_bytes = merges * state;
        return cost;
      },
      kQueryGroup);
}

}  // namespace knowscale::reproducible

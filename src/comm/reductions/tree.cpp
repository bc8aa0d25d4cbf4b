// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/tree.hpp"

#include "comm/reductions/binomial_tree.hpp"
#include "comm/reductions/in_tiles.hpp"

namespace knowscale::tree {
namespace {

template <class T>
class Tree : public StateMerge<T> {
  using A = Accumulator<T>;

 public:
  static constexpr Placement kNatural = Placement::replicated;
  static constexpr std::int64_t kGranule = 1;

  Tree(const ShardedAttention<T>& attention, std::int64_t rows)
      : StateMerge<T>(attention, rows), received_(this->size() > 1 ? rows : 0, this->width()) {}

  Exchange merge(std::span<const RowRange>) override {
    const Channel& channel = this->channel_;
    const MatrixView<A> state = this->state_;
    for (int distance = 1; distance < channel.size(); distance *= 2) {
      if (channel.rank() % (2 * distance) != 0) {
        co_await channel.send<A>(state, channel.rank() - distance);
        break;
      }
      if (channel.rank() + distance >= channel.size()) continue;
      const MatrixView<A> received = received_.view().slice_rows({0, state.rows});
      co_await channel.receive<A>(received, channel.rank() + distance);
      knowscale::merge<A>(state, received, this->attention_.threads);
    }
    co_await broadcast_down<A>(channel, state);
  }

 private:
  Matrix<A> received_;
};

}  // namespace

constinit const ByPrecision<PrepareAttention> prepare = prepared_in_tiles<Tree>();

ReductionCost cost(const ReductionShape& shape) {
  return sum_over_tiles(shape, Placement::replicated, [](const ReductionShape& tile) {
    const double depth = tree_depth(tile.ranks), state = tile.whole_state();
    ReductionCost cost;
    cost.buffers = 2 * state;
    cost.sent = {depth, depth * state};
    cost.rounds = 2 * depth;
    cost.round_bytes = 2 * depth * state;
    cost.merged_bytes = depth * state;
    return cost;
  });
}

}  // namespace knowscale::tree

// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/hierarchical.hpp"

#include <optional>

#include "comm/reductions/in_tiles.hpp"
#include "comm/reductions/row_merge.hpp"
#include "comm/shared_window.hpp"

namespace knowscale::hierarchical {
namespace {

// The ranks that share memory, at most node_size of them where that is given.
Communicator node_of(const Communicator& comm, int node_size) {
  const Communicator node = comm.node();
  return node.split(node_size == 0 ? 0 : node.rank() / node_size);
}

template <class T>
class Hierarchical : public StateMerge<T> {
  using A = Accumulator<T>;

 public:
  static constexpr Placement kNatural = Placement::replicated;
  static constexpr std::int64_t kGranule = 1;

  Hierarchical(const ShardedAttention<T>& attention, std::int64_t rows)
      : StateMerge<T>(attention, 0),
        node_(node_of(attention.comm, attention.options.node_size), attention.options.overlap),
        window_(node_.comm(), bytes_of(rows) * (node_.rank() == 0 ? 2 : 1)),
        merge_(this->width(), attention.threads) {
    const Communicator leaders = attention.comm.split(node_.rank() == 0 ? 0 : -1);
    if (leaders.size() > 1) leaders_.emplace(leaders, attention.options.overlap);
    this->memory_ = state_of(node_.rank(), rows);
    merged_ = {state_of(0, rows).row(rows), rows, this->width(), this->width()};  // behind the leader's state
  }

  Exchange merge(std::span<const RowRange>) override {
    const std::int64_t rows = this->state_.rows;
    if (this->size() == 1) {
      merged_ = this->state_;
      co_return;
    }
    co_await everyone_is_here();
    merge_share(row_range(rows, node_.size(), node_.rank()));
    co_await everyone_is_here();
    if (leaders_) co_await leaders_->allreduce(merged_.data, rows, merge_.row(), merge_.op());
    co_await everyone_is_here();
  }

  MatrixView<const A> merged() const override { return merged_; }

 private:
  std::int64_t bytes_of(std::int64_t rows) const { return rows * this->width() * static_cast<std::int64_t>(sizeof(A)); }
  MatrixView<A> state_of(int rank, std::int64_t rows) const {
    return {static_cast<A*>(window_.segment(rank)), rows, this->width(), this->width()};
  }

  // What was written before by the ranks of the node is seen after.
  Exchange everyone_is_here() {
    window_.sync();
    co_await node_.barrier();
    window_.sync();
  }

  void merge_share(RowRange share) {
    const MatrixView<A> into = merged_.slice_rows(share);
    const MatrixView<A> first = state_of(0, this->state_.rows).slice_rows(share);
    std::copy_n(first.data, first.size(), into.data);
    for (int r = 1; r < node_.size(); ++r) {
      knowscale::merge<A>(into, state_of(r, this->state_.rows).slice_rows(share), this->attention_.threads);
    }
  }

  Channel node_;
  SharedWindow window_;
  RowMerge<A> merge_;
  std::optional<Channel> leaders_;
  MatrixView<A> merged_;
};

}  // namespace

constinit const ByPrecision<PrepareAttention> prepare = prepared_in_tiles<Hierarchical>();

ReductionCost cost(const ReductionShape& shape) {
  return sum_over_tiles(shape, Placement::replicated, [](const ReductionShape& tile) {
    const int in_node = tile.options.node_size == 0 ? tile.ranks : std::min(tile.options.node_size, tile.ranks);
    const int leaders = (tile.ranks + in_node - 1) / in_node;
    const double state = tile.whole_state();
    ReductionCost cost;
    cost.buffers = 3 * state;  // of a leader, one inside MPI
    // Every rank merges its share of all states of the node; three barriers.
    cost.merged_bytes = tile.ranks == 1 ? 0 : state;
    cost.rounds = 3 * tree_depth(in_node);
    if (leaders == 1) return cost;
    cost.sent = allreduce_traffic(state, leaders);
    cost.allreduces = 1;
    cost.allreduce_bytes = state;
    cost.merged_bytes += state;
    return cost;
  });
}

}  // namespace knowscale::hierarchical

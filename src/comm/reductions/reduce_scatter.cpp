// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/reduce_scatter.hpp"

#include <array>
#include <vector>

#include "comm/reductions/agree_on_maxima.hpp"
#include "comm/reductions/in_tiles.hpp"
#include "comm/reductions/on_device.hpp"

namespace knowscale::reduce_scatter {
namespace {

template <class T>
class ReduceScatter : public StateMerge<T> {
  using A = Accumulator<T>;

 public:
  static constexpr Placement kNatural = Placement::sharded;
  static constexpr std::int64_t kGranule = 1;

  ReduceScatter(const ShardedAttention<T>& attention, std::int64_t rows)
      : StateMerge<T>(attention, rows), maxima_(static_cast<std::size_t>(rows)) {
    const std::int64_t most = rows / this->size() + attention.input.shape.heads;  // that a rank ends with
    for (Matrix<A>& received : received_) received = Matrix<A>(this->size() > 1 ? most : 0, this->width());
  }

  // Step s: to rank r + s goes what it owns, from r - s comes what is this rank's.
  Exchange merge(std::span<const RowRange> of_rank) override {
    merged_ = this->state_;
    if (this->size() == 1) co_return;
    const std::span<A> maxima = std::span(maxima_).first(static_cast<std::size_t>(this->state_.rows));
    co_await agree_on_maxima<A>(this->channel_, this->state_, maxima, this->attention_.threads);
    const RowRange mine = of_rank[static_cast<std::size_t>(this->rank())];
    merged_ = this->state_.slice_rows(mine);
    Requests under_way = exchange(of_rank, 1);
    for (int step = 1; step < this->size(); ++step) {
      co_await std::move(under_way);
      if (step + 1 < this->size()) under_way = exchange(of_rank, step + 1);  // beside the sum
      add<A>(merged_, place_for(step, mine.size()), this->attention_.threads);
    }
  }

  MatrixView<const A> merged() const override { return merged_; }

 private:
  MatrixView<A> place_for(int step, std::int64_t rows) {
    return received_[static_cast<std::size_t>(step % 2)].view().slice_rows({0, rows});
  }

  Requests exchange(std::span<const RowRange> of_rank, int step) {
    const int p = this->size();
    if (step >= p) return {};
    const int to = (this->rank() + step) % p, from = (this->rank() + p - step) % p;
    const std::int64_t own = of_rank[static_cast<std::size_t>(this->rank())].size();
    Requests requests = this->channel_.template receive<A>(place_for(step, own), from);
    requests.add(this->channel_.template send<A>(this->state_.slice_rows(of_rank[static_cast<std::size_t>(to)]), to));
    return requests;
  }

  std::vector<A> maxima_;
  std::array<Matrix<A>, 2> received_;
  MatrixView<A> merged_;
};

template <class T>
std::unique_ptr<PreparedAttention<T>> prepare_where_states_are(const ShardedAttention<T>& attention) {
  if (attention.options.transport != Transport::host) return on_device::sharded(attention);
  return prepare_in_tiles<T, ReduceScatter>(attention);
}

}  // namespace

constinit const ByPrecision<PrepareAttention> prepare =
    by_precision<PrepareAttention>([]<class T>() { return prepare_where_states_are<T>; });

ReductionCost cost(const ReductionShape& shape) {
  ReductionCost sum = sum_over_tiles(shape, Placement::sharded, [](const ReductionShape& tile) {
    ReductionCost cost = cost_of_maxima(tile);
    cost.buffers = (1 + 2.0 / tile.ranks) * tile.whole_state();
    if (tile.ranks == 1) return cost;
    cost.sent.messages += tile.ranks - 1;
    cost.rounds = tile.ranks - 1;
    cost.round_bytes = cost.rounds / tile.ranks * tile.whole_state();
    cost.merged_bytes = tile.whole_state() + cost.round_bytes;  // rescaled, then added
    return cost;
  });
  if (shape.ranks > 1) sum.sent.bytes += shared_out_traffic(shape.queries, shape.row_bytes(), shape.ranks).bytes;
  return sum;
}

}  // namespace knowscale::reduce_scatter

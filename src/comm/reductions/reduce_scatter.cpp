// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/reduce_scatter.hpp"

#include <vector>

#include "comm/reductions/agree_on_maxima.hpp"
#include "comm/reductions/in_tiles.hpp"

namespace knowscale::reduce_scatter {
namespace {

template <class T>
class ReduceScatter : public StateMerge<T> {
  using A = Accumulator<T>;

 public:
  static constexpr Placement kNatural = Placement::sharded;
  static constexpr std::int64_t kGranule = 1;

  ReduceScatter(const ShardedAttention<T>& attention, std::int64_t rows)
      : StateMerge<T>(attention, rows), maxima_(static_cast<std::size_t>(rows)), sums_(rows, this->width()) {}

  Exchange merge(std::span<const RowRange> of_rank) override {
    const std::span<A> maxima = std::span(maxima_).first(static_cast<std::size_t>(this->state_.rows));
    co_await agree_on_maxima<A>(this->channel_, this->state_, maxima, this->attention_.threads);
    const RowRange mine = of_rank[static_cast<std::size_t>(this->rank())];
    merged_ = sums_.view().slice_rows({0, mine.size()});
    co_await this->channel_.template reduce_scatter<A>(this->state_, of_rank, merged_);
    set_maxima<A>(merged_, maxima.subspan(static_cast<std::size_t>(mine.begin)));
  }

  MatrixView<const A> merged() const override { return merged_; }

 private:
  std::vector<A> maxima_;
  Matrix<A> sums_;
  MatrixView<A> merged_;
};

}  // namespace

template <class T>
std::unique_ptr<PreparedAttention<T>> prepare(const ShardedAttention<T>& attention) {
  return prepare_in_tiles<T, ReduceScatter>(attention);
}

ReductionCost cost(const ReductionShape& shape) {
  ReductionCost sum = sum_over_tiles(shape, Placement::sharded, [](const ReductionShape& tile) {
    ReductionCost cost = cost_of_maxima(tile);
    cost.buffers = 3 * tile.whole_state();  // one inside MPI
    if (tile.ranks == 1) return cost;
    cost.sent.messages += tile.ranks - 1;
    cost.allreduces += 1;
    cost.allreduce_bytes += tile.whole_state() / 2;  // the first half of an allreduce
    cost.merged_bytes = tile.whole_state();          // the rescaling
    return cost;
  });
  if (shape.ranks > 1) sum.sent.bytes += shared_out_traffic(shape.queries, shape.row_bytes(), shape.ranks).bytes;
  return sum;
}

template std::unique_ptr<PreparedAttention<float>> prepare(const ShardedAttention<float>&);
template std::unique_ptr<PreparedAttention<double>> prepare(const ShardedAttention<double>&);
template std::unique_ptr<PreparedAttention<Bf16>> prepare(const ShardedAttention<Bf16>&);
template std::unique_ptr<PreparedAttention<F16>> prepare(const ShardedAttention<F16>&);

}  // namespace knowscale::reduce_scatter

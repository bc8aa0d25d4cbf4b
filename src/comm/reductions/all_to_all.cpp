// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/all_to_all.hpp"

#include "comm/reductions/in_tiles.hpp"

namespace knowscale::all_to_all {
namespace {

template <class T>
class AllToAll : public StateMerge<T> {
  using A = Accumulator<T>;

 public:
  static constexpr Placement kNatural = Placement::sharded;
  static constexpr std::int64_t kGranule = 1;

  AllToAll(const ShardedAttention<T>& attention, std::int64_t rows)
      : StateMerge<T>(attention, rows),
        received_(this->size() == 1 ? 0 : rows + this->size() * attention.input.shape.heads, this->width()) {}

  Exchange merge(std::span<const RowRange> of_rank) override {
    merged_ = this->state_;
    if (this->size() == 1) co_return;
    const std::int64_t own = of_rank[static_cast<std::size_t>(this->rank())].size();
    const MatrixView<A> received = received_.view().slice_rows({0, own * this->size()});
    co_await this->channel_.template all_to_all<A>(this->state_, of_rank, received);
    merged_ = received.slice_rows({0, own});
    for (int r = 1; r < this->size(); ++r) {
      knowscale::merge<A>(merged_, received.slice_rows({r * own, (r + 1) * own}), this->attention_.threads);
    }
  }

  MatrixView<const A> merged() const override { return merged_; }

 private:
  Matrix<A> received_;  // own rows of every rank: at most one query a rank more than a tile
  MatrixView<A> merged_;
};

}  // namespace

constinit const ByPrecision<PrepareAttention> prepare = prepared_in_tiles<AllToAll>();

ReductionCost cost(const ReductionShape& shape) {
  const double others = shape.ranks - 1;
  const std::int64_t most = row_range(shape.queries, shape.ranks, 0).size();
  const double tiles = static_cast<double>(query_tiles(shape, Placement::sharded).size());
  ReductionCost cost;
  cost.buffers = 2 * shape.whole_state() / tiles;
  cost.sent = shared_out_traffic(shape.queries, shape.row_bytes(), shape.ranks);
  cost.sent.messages *= tiles;
  cost.rounds = others * tiles;
  cost.round_bytes = cost.sent.bytes;
  cost.merged_bytes = others * static_cast<double>(most) * shape.row_bytes();
  return cost;
}

}  // namespace knowscale::all_to_all

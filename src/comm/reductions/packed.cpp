// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/packed.hpp"

#include "comm/reductions/in_tiles.hpp"
#include "comm/reductions/row_merge.hpp"

namespace knowscale::packed {
namespace {

template <class T>
class Packed : public StateMerge<T> {
 public:
  static constexpr Placement kNatural = Placement::replicated;
  static constexpr std::int64_t kGranule = 1;

  Packed(const ShardedAttention<T>& attention, std::int64_t rows)
      : StateMerge<T>(attention, rows), merge_(this->width(), attention.threads) {}

  Exchange merge(std::span<const RowRange>) override {
    co_await this->channel_.allreduce(this->state_.data, this->state_.rows, merge_.row(), merge_.op());
  }

 private:
  RowMerge<Accumulator<T>> merge_;
};

}  // namespace

constinit const ByPrecision<PrepareAttention> prepare = prepared_in_tiles<Packed>();

ReductionCost cost(const ReductionShape& shape) {
  return sum_over_tiles(shape, Placement::replicated, [](const ReductionShape& tile) {
    ReductionCost cost;
    cost.buffers = 2 * tile.whole_state();  // one inside MPI
    if (tile.ranks == 1) return cost;
    cost.sent = allreduce_traffic(tile.whole_state(), tile.ranks);
    cost.allreduces = 1;
    cost.allreduce_bytes = cost.merged_bytes = tile.whole_state();
    return cost;
  });
}

}  // namespace knowscale::packed

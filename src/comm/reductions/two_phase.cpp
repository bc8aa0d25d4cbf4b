// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/two_phase.hpp"

#include <vector>

#include "comm/reductions/agree_on_maxima.hpp"
#include "comm/reductions/in_tiles.hpp"
#include "comm/reductions/on_device.hpp"

namespace knowscale::two_phase {
namespace {

template <class T>
class TwoPhase : public StateMerge<T> {
  using A = Accumulator<T>;

 public:
  static constexpr Placement kNatural = Placement::replicated;
  static constexpr std::int64_t kGranule = 1;

  TwoPhase(const ShardedAttention<T>& attention, std::int64_t rows)
      : StateMerge<T>(attention, rows), maxima_(static_cast<std::size_t>(rows)) {}

  Exchange merge(std::span<const RowRange>) override {
    if (this->size() == 1) co_return;
    const std::span<A> maxima = std::span(maxima_).first(static_cast<std::size_t>(this->state_.rows));
    co_await agree_on_maxima<A>(this->channel_, this->state_, maxima, this->attention_.threads);
    const std::span<A> numbers(this->state_.data, static_cast<std::size_t>(this->state_.size()));
    co_await this->channel_.allreduce(numbers, Combine::sum);
  }

 private:
  std::vector<A> maxima_;
};

template <class T>
std::unique_ptr<PreparedAttention<T>> prepare_where_states_are(const ShardedAttention<T>& attention) {
  if (attention.options.transport != Transport::host) return on_device::replicated(attention);
  return prepare_in_tiles<T, TwoPhase>(attention);
}

}  // namespace

constinit const ByPrecision<PrepareAttention> prepare =
    by_precision<PrepareAttention>([]<class T>() { return prepare_where_states_are<T>; });

ReductionCost cost(const ReductionShape& shape) {
  return sum_over_tiles(shape, Placement::replicated, [](const ReductionShape& tile) {
    ReductionCost cost = cost_of_maxima(tile);
    cost.buffers = 2 * tile.whole_state();  // one inside MPI
    if (tile.ranks == 1) return cost;
    cost.sent += allreduce_traffic(tile.whole_state(), tile.ranks);
    cost.allreduces += 1;
    cost.allreduce_bytes += tile.whole_state();
    cost.merged_bytes = tile.whole_state();  // the rescaling
    return cost;
  });
}

}  // namespace knowscale::two_phase

// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/on_device.hpp"

#include "comm/device_collectives.hpp"
#include "comm/reductions/in_tiles.hpp"
#include "kernels/engine.hpp"

namespace knowscale::on_device {
namespace {

template <class T, Placement Natural>
class OnDevice : public StateMerge<T> {
 public:
  static constexpr Placement kNatural = Natural;
  static constexpr std::int64_t kGranule = 1;

  OnDevice(const ShardedAttention<T>& attention, std::int64_t rows)
      : StateMerge<T>(attention, rows),
        states_(attention.kernel.engine().states(attention.input, attention.kernel.method, rows)),
        collectives_(device_collectives(attention.comm, attention.options.transport, states_->stream())) {}

  void compute(const AttentionInput<T>& queries, std::int64_t first_row) override {
    this->copied_ += states_->attend(queries, this->sources_, first_row);
  }

  Exchange merge(std::span<const RowRange> of_rank) override {
    const std::int64_t count = this->state_.rows;
    MatrixView<float> merged = states_->rows(count);
    if (this->size() > 1) {
      const std::span<float> maxima = states_->read_maxima(count);
      collectives_->allreduce(maxima, Combine::maximum);
      states_->rescale(maxima);
      if constexpr (Natural == Placement::replicated) {
        collectives_->allreduce({merged.data, static_cast<std::size_t>(merged.size())}, Combine::sum);
      } else {
        merged = collectives_->reduce_scatter(merged, of_rank);
      }
    }
    merged_ = this->state_.slice_rows({0, merged.rows});
    this->copied_ += states_->to_host(merged, merged_);
    co_return;
  }

  MatrixView<const float> merged() const override { return merged_; }

 private:
  std::unique_ptr<DeviceStates<T>> states_;
  std::unique_ptr<DeviceCollectives> collectives_;
  MatrixView<float> merged_;
};

template <class T>
using Replicated = OnDevice<T, Placement::replicated>;
template <class T>
using Sharded = OnDevice<T, Placement::sharded>;

template <class T, template <class> class Merge>
std::unique_ptr<PreparedAttention<T>> prepare(const ShardedAttention<T>& attention) {
  require(attention.kernel.on_device(), ExitStatus::usage, "states of a kernel of the host are not merged on devices");
  return prepare_in_tiles<T, Merge>(attention);
}

template <template <class> class Merge>
constexpr ByPrecision<PrepareAttention> prepared() {
  return by_precision<PrepareAttention>([]<class T>() { return prepare<T, Merge>; }, Numbers<float, Bf16, F16>());
}

}  // namespace

constinit const ByPrecision<PrepareAttention> replicated = prepared<Replicated>();
constinit const ByPrecision<PrepareAttention> sharded = prepared<Sharded>();

}  // namespace knowscale::on_device

// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/ring.hpp"

#include <algorithm>
#include <array>

#include "comm/reductions/own_queries.hpp"

namespace knowscale::ring {
namespace {

// A shard that visits: views of this rank's own, or of a buffer it was received in.
template <class T>
struct Visitor {
  RowRange rows;  // of the whole set
  MatrixView<const T> keys, values;
  MatrixView<const std::uint8_t> visible;  // 1 column; no rows where nothing is hidden
};

template <class T>
class Ring : public OwnQueries<T> {
  using A = Accumulator<T>;

 public:
  explicit Ring(const ShardedAttention<T>& attention)
      : OwnQueries<T>(attention), part_(this->size() > 1 ? this->state_.rows() : 0, this->state_.cols()) {
    const AttentionInput<T>& input = attention.input;
    const auto anywhere = [&](bool here) { return attention.comm.allreduce(here ? 1 : 0, Combine::maximum) == 1; };
    values_travel_ = anywhere(input.values.data != input.keys.data);
    masks_travel_ = anywhere(!input.mask.visible.empty());
    std::int64_t most = 0;
    for (const RowRange& shard : attention.shards) most = std::max(most, shard.size());
    for (int step = 1; step < std::min(this->size(), 3); ++step) {  // two ranks need one buffer
      Buffer& buffer = buffers_[static_cast<std::size_t>(step % 2)];
      buffer.keys = Matrix<T>(most, input.keys.cols);
      if (values_travel_) buffer.values = Matrix<T>(most, input.values.cols);
      if (masks_travel_) buffer.visible = Matrix<std::uint8_t>(most, 1);
    }
  }

  Phases run(MatrixView<A> output) override {
    Phases phases;
    Visitor<T> visitor = own_shard();
    for (int step = 0; step < this->size(); ++step) {
      const bool last = step + 1 == this->size();
      const Visitor<T> next = last ? Visitor<T>{} : place_for(step + 1);
      Requests under_way = last ? Requests() : pass_on(visitor, next);
      const MatrixView<A> state = step == 0 ? this->state_.view() : part_.view();
      this->beside(under_way, phases, [&] { attend(visitor, state); });
      if (step > 0) merge<A>(this->state_.view(), state, this->attention_.threads);
      under_way.wait();
      visitor = next;
    }
    this->write(output, phases);
    return phases;
  }

 private:
  struct Buffer {
    Matrix<T> keys, values;
    Matrix<std::uint8_t> visible;
  };

  Visitor<T> own_shard() const {
    const AttentionInput<T>& input = this->attention_.input;
    const auto visible = input.mask.visible;
    return {this->attention_.shards[static_cast<std::size_t>(this->channel_.rank())],
            input.keys,
            input.values,
            {visible.data(), static_cast<std::int64_t>(visible.size()), 1, 1}};
  }

  // Where the visitor of that step is to be received.
  Visitor<T> place_for(int step) {
    const RowRange rows = this->attention_.shards[static_cast<std::size_t>(this->behind(step))],
                   here = {0, rows.size()};
    Buffer& buffer = buffers_[static_cast<std::size_t>(step % 2)];
    const MatrixView<const T> keys = buffer.keys.view().slice_rows(here);
    return {rows, keys, values_travel_ ? buffer.values.view().slice_rows(here) : keys,
            masks_travel_ ? buffer.visible.view().slice_rows(here) : MatrixView<std::uint8_t>{}};
  }

  Requests pass_on(const Visitor<T>& visitor, const Visitor<T>& next) {
    Requests requests;
    const auto pass = [&]<class N>(MatrixView<const N> out, MatrixView<const N> in, Tag tag) {
      // Buffers of ours: only what visits is seen as constant.
      requests.add(this->channel_.template receive<N>({const_cast<N*>(in.data), in.rows, in.cols, in.stride},
                                                      this->previous(), tag));
      requests.add(this->channel_.template send<N>(out, this->next(), tag));
    };
    pass(visitor.keys, next.keys, Tag::first);
    if (values_travel_) pass(visitor.values, next.values, Tag::second);
    if (masks_travel_) pass(visitor.visible, next.visible, Tag::third);
    return requests;
  }

  // Own queries against the visiting shard.
  void attend(const Visitor<T>& visitor, MatrixView<A> state) {
    const ShardedAttention<T>& attention = this->attention_;
    AttentionInput<T> input = attention.input;
    input.queries = input.queries.slice_rows(this->own_);
    input.keys = visitor.keys;
    input.values = visitor.values;
    input.mask.visible = {visitor.visible.data, static_cast<std::size_t>(visitor.visible.rows)};
    const std::int64_t first_key = attention.shards[static_cast<std::size_t>(this->channel_.rank())].begin;
    input.mask.offset += first_key - visitor.rows.begin + this->own_.begin;
    attention.kernel.compute(input, state, attention.threads);
  }

  Matrix<A> part_;  // of the visiting shard
  std::array<Buffer, 2> buffers_;
  bool values_travel_ = false, masks_travel_ = false;
};

}  // namespace

template <class T>
std::unique_ptr<PreparedAttention<T>> prepare(const ShardedAttention<T>& attention) {
  return std::make_unique<Ring<T>>(attention);
}

ReductionCost cost(const ReductionShape& shape) {
  const double others = shape.ranks - 1, sets = shape.separate_values ? 2 : 1;
  const double travelling = static_cast<double>(shape.keys - shape.keys / shape.ranks) * shape.key_bytes();
  const double states = static_cast<double>(row_range(shape.queries, shape.ranks, 0).size()) * shape.row_bytes();
  ReductionCost cost;
  cost.buffers = 2 * states;
  if (shape.ranks == 1) return cost;
  cost.buffers +=
      std::min(others, 2.0) * static_cast<double>(row_range(shape.keys, shape.ranks, 0).size()) * shape.key_bytes();
  cost.sent = {others * sets, travelling};
  cost.rounds = others;
  cost.round_bytes = travelling;
  cost.merged_bytes = others * states;
  return cost;
}

template std::unique_ptr<PreparedAttention<float>> prepare(const ShardedAttention<float>&);
template std::unique_ptr<PreparedAttention<double>> prepare(const ShardedAttention<double>&);
template std::unique_ptr<PreparedAttention<Bf16>> prepare(const ShardedAttention<Bf16>&);
template std::unique_ptr<PreparedAttention<F16>> prepare(const ShardedAttention<F16>&);

}  // namespace knowscale::ring

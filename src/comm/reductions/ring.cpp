// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/ring.hpp"

#include <algorithm>
#include <array>

#include "comm/channel.hpp"
#include "comm/clock.hpp"

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
class Ring : public PreparedAttention<T> {
  using A = Accumulator<T>;

 public:
  explicit Ring(const ShardedAttention<T>& attention)
      : attention_(attention),
        channel_(attention.comm, attention.options.overlap),
        own_(row_range(attention.input.queries.rows, channel_.size(), channel_.rank())),
        state_(own_.size() * attention.input.shape.heads, attention.input.shape.value_dim + 2),
        part_(channel_.size() > 1 ? state_.rows() : 0, state_.cols()) {
    const AttentionInput<T>& input = attention.input;
    values_travel_ = input.values.data != input.keys.data;
    masks_travel_ = attention.comm.allreduce(input.mask.visible.empty() ? 0 : 1, Combine::maximum) == 1;
    values_travel_ = attention.comm.allreduce(values_travel_ ? 1 : 0, Combine::maximum) == 1;
    std::int64_t most = 0;
    for (const RowRange& shard : attention.shards) most = std::max(most, shard.size());
    for (int step = 1; step < std::min(channel_.size(), 3); ++step) {  // two ranks need one buffer
      Buffer& buffer = buffers_[static_cast<std::size_t>(step % 2)];
      buffer.keys = Matrix<T>(most, input.keys.cols);
      if (values_travel_) buffer.values = Matrix<T>(most, input.values.cols);
      if (masks_travel_) buffer.visible = Matrix<std::uint8_t>(most, 1);
    }
  }

  Phases run(MatrixView<A> output) override {
    Phases phases;
    Requests under_way;
    double arrived = 0;  // when the messages beside the present compute were found complete
    const auto polling = attention_.threads.while_polling([&] {
      if (arrived == 0 && under_way.complete()) arrived = now();
    });
    Visitor<T> visitor = own_shard();
    for (int step = 0; step < channel_.size(); ++step) {
      const bool last = step + 1 == channel_.size();
      const Visitor<T> next = last ? Visitor<T>{} : place_for(step + 1);
      if (!last) under_way = pass_on(visitor, next);
      if (!attention_.options.overlap) under_way.wait();
      arrived = 0;
      const MatrixView<A> part = step == 0 ? state_.view() : part_.view();
      const double start = now();
      attend(visitor, part);
      const double end = now();
      phases.compute += end - start;
      if (attention_.options.overlap && !last) phases.hidden += (arrived == 0 ? end : arrived) - start;
      if (step > 0) merge<A>(state_.view(), part, attention_.threads);
      under_way.wait();
      visitor = next;
    }
    const double start = now();
    const std::int64_t width = attention_.input.shape.value_dim;
    normalise<A>(state_.view(), {output.row(own_.begin), state_.rows(), width, width}, attention_.threads);
    phases.compute += now() - start;
    if (attention_.options.placement == Placement::replicated) attention_.comm.allgather_rows(output);
    return phases;
  }

 private:
  struct Buffer {
    Matrix<T> keys, values;
    Matrix<std::uint8_t> visible;
  };

  Visitor<T> own_shard() const {
    const AttentionInput<T>& input = attention_.input;
    const auto visible = input.mask.visible;
    return {attention_.shards[static_cast<std::size_t>(channel_.rank())],
            input.keys,
            input.values,
            {visible.data(), static_cast<std::int64_t>(visible.size()), 1, 1}};
  }

  // Where the visitor of that step is to be received.
  Visitor<T> place_for(int step) {
    const int from = (channel_.rank() - step + channel_.size()) % channel_.size();
    const RowRange rows = attention_.shards[static_cast<std::size_t>(from)], here = {0, rows.size()};
    Buffer& buffer = buffers_[static_cast<std::size_t>(step % 2)];
    const MatrixView<const T> keys = buffer.keys.view().slice_rows(here);
    return {rows, keys, values_travel_ ? buffer.values.view().slice_rows(here) : keys,
            masks_travel_ ? buffer.visible.view().slice_rows(here) : MatrixView<std::uint8_t>{}};
  }

  Requests pass_on(const Visitor<T>& visitor, const Visitor<T>& next) {
    const int to = (channel_.rank() + 1) % channel_.size();
    const int from = (channel_.rank() - 1 + channel_.size()) % channel_.size();
    Requests requests;
    const auto pass = [&]<class N>(MatrixView<const N> out, MatrixView<const N> in, Tag tag) {
      // Buffers of ours: only what visits is seen as constant.
      requests.add(channel_.receive<N>({const_cast<N*>(in.data), in.rows, in.cols, in.stride}, from, tag));
      requests.add(channel_.send<N>(out, to, tag));
    };
    pass(visitor.keys, next.keys, Tag::first);
    if (values_travel_) pass(visitor.values, next.values, Tag::second);
    if (masks_travel_) pass(visitor.visible, next.visible, Tag::third);
    return requests;
  }

  // Own queries against the visiting shard.
  void attend(const Visitor<T>& visitor, MatrixView<A> state) {
    AttentionInput<T> input = attention_.input;
    input.queries = input.queries.slice_rows(own_);
    input.keys = visitor.keys;
    input.values = visitor.values;
    input.mask.visible = {visitor.visible.data, static_cast<std::size_t>(visitor.visible.rows)};
    input.mask.offset +=
        attention_.shards[static_cast<std::size_t>(channel_.rank())].begin - visitor.rows.begin + own_.begin;
    attention_.kernel.compute(input, state, attention_.threads);
  }

  ShardedAttention<T> attention_;
  Channel channel_;
  RowRange own_;  // queries
  Matrix<A> state_, part_;
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

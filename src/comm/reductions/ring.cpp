// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/ring.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "comm/reductions/own_queries.hpp"

namespace knowscale::ring {
namespace {

template <class T>
class Ring : public OwnQueries<T> {
  using A = Accumulator<T>;
  // Shards that visit together, one of each source: views of this rank's own, or of buffers they were received in.
  using Visitors = std::vector<KeySource<T>>;

 public:
  explicit Ring(const ShardedAttention<T>& attention)
      : OwnQueries<T>(attention), part_(this->size() > 1 ? this->state_.rows() : 0, this->state_.cols()) {
    const auto anywhere = [&](bool here) { return attention.comm.allreduce(here ? 1 : 0, Combine::maximum) == 1; };
    for (const ShardedKeys<T>& source : attention.sources) {
      Places places;
      places.values_travel = anywhere(!source.own.values.are(source.own.keys));
      places.masks_travel = anywhere(!source.own.mask.visible.empty());
      std::int64_t most = 0;
      for (const RowRange& shard : source.shards) most = std::max(most, shard.size());
      for (int step = 1; step < std::min(this->size(), 3); ++step) {  // two ranks need one buffer
        Buffer& buffer = places.buffers[static_cast<std::size_t>(step % 2)];
        buffer.keys = {source.own.keys, most};
        if (places.values_travel) buffer.values = {source.own.values, most};
        if (places.masks_travel) buffer.visible = Matrix<std::uint8_t>(most, 1);
      }
      places_.push_back(std::move(places));
    }
  }

  Phases run(MatrixView<A> output) override {
    Phases phases;
    Visitors visitors = this->attention_.own_sources();
    for (int step = 0; step < this->size(); ++step) {
      const bool last = step + 1 == this->size();
      const Visitors next = last ? Visitors{} : places_for(step + 1);
      Requests under_way;
      for (std::size_t i = 0; i < next.size(); ++i) pass_on(places_[i], visitors[i], next[i], under_way);
      const MatrixView<A> state = step == 0 ? this->state_.view() : part_.view();
      this->beside(under_way, phases, [&] { return attend_to(visitors, state); });
      if (step > 0) merge<A>(this->state_.view(), state, this->attention_.threads);
      under_way.wait();
      visitors = next;
    }
    this->write(output, phases);
    return phases;
  }

 private:
  // Rows of others, stored as this rank's own.
  class Rows {
   public:
    Rows() = default;
    Rows(const StoredRows<T>& own, std::int64_t most)
        : layout_(own.bytes.layout),
          numbers_(own.in_bytes() ? 0 : most, own.cols),
          records_(own.in_bytes() ? most : 0, own.in_bytes() ? layout_.record_bytes() : 0) {}

    StoredRows<T> first(std::int64_t rows) const {
      if constexpr (std::is_same_v<T, float>) {
        if (records_.cols() > 0) return ByteRows{layout_, records_.view().slice_rows({0, rows})};
      }
      return numbers_.view().slice_rows({0, rows});
    }

   private:
    ByteLayout layout_;
    Matrix<T> numbers_;
    Matrix<std::uint8_t> records_;
  };
  struct Buffer {
    Rows keys, values;
    Matrix<std::uint8_t> visible;
  };
  // Where the visitors of one source are received, and what of it travels beside its keys.
  struct Places {
    std::array<Buffer, 2> buffers;
    bool values_travel = false, masks_travel = false;
  };

  // Where the visitors of that step are to be received.
  Visitors places_for(int step) {
    Visitors visitors = this->attention_.own_sources();
    for (std::size_t i = 0; i < visitors.size(); ++i) {
      const std::vector<RowRange>& shards = this->attention_.sources[i].shards;
      const RowRange home = shards[static_cast<std::size_t>(this->channel_.rank())];
      const RowRange visiting = shards[static_cast<std::size_t>(this->behind(step))], here = {0, visiting.size()};
      Buffer& buffer = places_[i].buffers[static_cast<std::size_t>(step % 2)];
      KeySource<T>& visitor = visitors[i];
      visitor.keys = buffer.keys.first(here.end);
      visitor.values = places_[i].values_travel ? buffer.values.first(here.end) : visitor.keys;
      visitor.mask.first_key += visiting.begin - home.begin;
      visitor.mask.visible = {};
      visitor.screen = {};  // does not travel
      if (places_[i].masks_travel)
        visitor.mask.visible = buffer.visible.span().first(static_cast<std::size_t>(here.end));
    }
    return visitors;
  }

  void pass_on(const Places& places, const KeySource<T>& visitor, const KeySource<T>& next, Requests& requests) {
    const auto pass = [&]<class N>(MatrixView<const N> out, MatrixView<const N> in, Tag tag) {
      // Buffers of ours: only what visits is seen as constant.
      requests.add(this->channel_.template receive<N>({const_cast<N*>(in.data), in.rows, in.cols, in.stride},
                                                      this->previous(), tag));
      requests.add(this->channel_.template send<N>(out, this->next(), tag));
    };
    const auto column = [](std::span<const std::uint8_t> visible) -> MatrixView<const std::uint8_t> {
      return {visible.data(), static_cast<std::int64_t>(visible.size()), 1, 1};
    };
    const auto pass_rows = [&](const StoredRows<T>& out, const StoredRows<T>& in, Tag tag) {
      if (out.in_bytes()) return pass(out.bytes.records, in.bytes.records, tag);
      pass(MatrixView<const T>(out), MatrixView<const T>(in), tag);
    };
    pass_rows(visitor.keys, next.keys, Tag::first);
    if (places.values_travel) pass_rows(visitor.values, next.values, Tag::second);
    if (places.masks_travel) pass(column(visitor.mask.visible), column(next.mask.visible), Tag::third);
  }

  // Own queries against the visiting shards.
  double attend_to(const Visitors& visitors, MatrixView<A> state) {
    AttentionInput<T> input = this->attention_.input;
    input.queries = input.queries.slice_rows(this->own_);
    input.mask.first_query += this->own_.begin;
    return attend<T>(this->attention_.kernel, input, visitors, state, this->attention_.threads);
  }

  Matrix<A> part_;              // of the visiting shards
  std::vector<Places> places_;  // of each source
};

}  // namespace

constinit const ByPrecision<PrepareAttention> prepare = prepared_ring<Ring>();

ReductionCost cost(const ReductionShape& shape) {
  const double others = shape.ranks - 1;
  const double states = static_cast<double>(row_range(shape.queries, shape.ranks, 0).size()) * shape.row_bytes();
  ReductionCost cost;
  cost.buffers = 2 * states;
  if (shape.ranks == 1) return cost;
  double travelling = 0;
  for (const KeysShape& keys : shape.keys) {
    travelling += static_cast<double>(keys.count - keys.count / shape.ranks) * shape.key_bytes(keys);
    cost.buffers += std::min(others, 2.0) * static_cast<double>(row_range(keys.count, shape.ranks, 0).size()) *
                    shape.key_bytes(keys);
    cost.sent.messages += others * (keys.separate_values ? 2 : 1);
  }
  cost.sent.bytes = travelling;
  cost.rounds = others;
  cost.round_bytes = travelling;
  cost.merged_bytes = others * states;
  return cost;
}

}  // namespace knowscale::ring

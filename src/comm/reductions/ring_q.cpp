// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/ring_q.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "comm/reductions/own_queries.hpp"

namespace knowscale::ring_q {
namespace {

template <class T>
class RingQ : public OwnQueries<T> {
  using A = Accumulator<T>;

 public:
  explicit RingQ(const ShardedAttention<T>& attention) : OwnQueries<T>(attention), sources_(attention.own_sources()) {
    if (this->size() == 1) return;
    const RowRange most = this->queries_of(0);
    for (Matrix<T>& queries : queries_) queries = Matrix<T>(most.size(), attention.input.queries.cols);
    for (Matrix<A>& part : parts_) part = Matrix<A>(this->rows_of(most), this->width());
    arriving_ = Matrix<A>(this->rows_of(most), this->width());
  }

  // Step 0 is at home; at step s the queries of the rank s behind are here. Their states follow one step later.
  Phases run(MatrixView<A> output) override {
    Phases phases;
    MatrixView<const T> visitors = this->attention_.input.queries.slice_rows(this->own_);
    Requests queries = pass_queries(visitors, 1), states;
    this->beside(queries, phases, [&] { return attend(visitors, this->own_, this->state_.view()); });
    for (int step = 1; step < this->size(); ++step) {
      queries.wait();
      visitors = place_for(step);
      queries = pass_queries(visitors, step + 1);
      const RowRange of = this->queries_of(this->behind(step));
      const MatrixView<A> state = parts_[static_cast<std::size_t>(step % 2)].view().slice_rows({0, this->rows_of(of)});
      if (step > 1) receive_state(states, of);
      states.add(std::move(queries));
      this->beside(states, phases, [&] { return attend(visitors, of, state); });
      states.wait();
      if (step > 1) merge_arrived(state);
      states = this->channel_.template send<A>(state, this->next(), Tag::second);
    }
    if (this->size() > 1) {
      receive_state(states, this->own_);
      states.wait();
      merge_arrived(this->state_.view());
    }
    this->write(output, phases);
    return phases;
  }

 private:
  MatrixView<T> place_for(int step) {
    const std::int64_t rows = this->queries_of(this->behind(step)).size();
    return queries_[static_cast<std::size_t>(step % 2)].view().slice_rows({0, rows});
  }

  // Sends the present visitors on and receives those of `step`; nothing where they have been everywhere.
  Requests pass_queries(MatrixView<const T> visitors, int step) {
    if (step == this->size()) return {};
    Requests requests = this->channel_.template receive<T>(place_for(step), this->previous());
    requests.add(this->channel_.template send<T>(visitors, this->next()));
    return requests;
  }

  double attend(MatrixView<const T> queries, RowRange of, MatrixView<A> state) {
    AttentionInput<T> input = this->attention_.input;
    input.queries = queries;
    input.mask.first_query += of.begin;
    return knowscale::attend<T>(this->attention_.kernel, input, sources_, state, this->attention_.threads);
  }

  void receive_state(Requests& states, RowRange of) {
    const MatrixView<A> place = arriving_.view().slice_rows({0, this->rows_of(of)});
    states.add(this->channel_.template receive<A>(place, this->previous(), Tag::second));
  }
  void merge_arrived(MatrixView<A> into) {
    merge<A>(into, arriving_.view().slice_rows({0, into.rows}), this->attention_.threads);
  }

  std::vector<KeySource<T>> sources_;
  std::array<Matrix<T>, 2> queries_;  // visiting, and arriving
  std::array<Matrix<A>, 2> parts_;    // being computed, and being sent
  Matrix<A> arriving_;
};

}  // namespace

constinit const ByPrecision<PrepareAttention> prepare = prepared_ring<RingQ>();

ReductionCost cost(const ReductionShape& shape) {
  const int p = shape.ranks;
  const auto size_of = [&](int rank) { return static_cast<double>(row_range(shape.queries, p, rank % p).size()); };
  ReductionCost cost;
  cost.buffers = size_of(0) * (4 * shape.row_bytes() + 2 * shape.query_bytes());
  if (p == 1) return cost;
  const double n = static_cast<double>(shape.queries), others = p - 1;
  // Rank r passes on the queries of all but its successor, and the states of all but itself.
  for (int r = 0; r < p; ++r) {
    const double bytes = (n - size_of(r + 1)) * shape.query_bytes() + (n - size_of(r)) * shape.row_bytes();
    cost.sent.bytes = std::max(cost.sent.bytes, bytes);
  }
  cost.sent.messages = 2 * others;
  cost.rounds = 2 * others;
  cost.round_bytes = cost.sent.bytes;
  cost.merged_bytes = others * size_of(0) * shape.row_bytes();
  return cost;
}

}  // namespace knowscale::ring_q

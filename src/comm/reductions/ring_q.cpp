// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/ring_q.hpp"

#include <algorithm>
#include <array>

#include "comm/channel.hpp"
#include "comm/clock.hpp"

namespace knowscale::ring_q {
namespace {

template <class T>
class RingQ : public PreparedAttention<T> {
  using A = Accumulator<T>;

 public:
  explicit RingQ(const ShardedAttention<T>& attention)
      : attention_(attention),
        channel_(attention.comm, attention.options.overlap),
        own_(queries_of(channel_.rank())),
        home_(rows_of(own_), width()) {
    if (channel_.size() == 1) return;
    const RowRange most = queries_of(0);
    for (Matrix<T>& queries : queries_) queries = Matrix<T>(most.size(), attention.input.queries.cols);
    for (Matrix<A>& part : parts_) part = Matrix<A>(rows_of(most), width());
    arriving_ = Matrix<A>(rows_of(most), width());
  }

  Phases run(MatrixView<A> output) override {
    Phases phases;
    std::array<Requests, 2> under_way;  // of queries, of states
    double arrived = 0;
    const auto polling = attention_.threads.while_polling([&] {
      const bool queries = under_way[0].complete(), states = under_way[1].complete();
      if (arrived == 0 && queries && states) arrived = now();
    });
    const auto compute = [&](MatrixView<const T> queries, RowRange of, MatrixView<A> state, bool beside) {
      if (!attention_.options.overlap) {
        under_way[0].wait();
        under_way[1].wait();
      }
      arrived = 0;
      const double start = now();
      attend(queries, of, state);
      const double end = now();
      phases.compute += end - start;
      if (attention_.options.overlap && beside) phases.hidden += (arrived == 0 ? end : arrived) - start;
    };

    const int p = channel_.size(), next = (channel_.rank() + 1) % p, previous = (channel_.rank() + p - 1) % p;
    MatrixView<const T> visitors = attention_.input.queries.slice_rows(own_);
    if (p > 1) under_way[0] = pass_queries(visitors, 1);
    compute(visitors, own_, home_.view(), p > 1);
    for (int step = 1; step < p; ++step) {
      const RowRange of = origin(step);
      under_way[0].wait();
      visitors = place_for(step);
      if (step + 1 < p) under_way[0] = pass_queries(visitors, step + 1);
      const MatrixView<A> state = part_of(step), before = arriving_.view().slice_rows({0, rows_of(of)});
      if (step > 1) under_way[1].add(channel_.receive<A>(before, previous, Tag::second));
      compute(visitors, of, state, true);
      under_way[1].wait();
      if (step > 1) merge<A>(state, before, attention_.threads);
      under_way[1] = channel_.send<A>(state, next, Tag::second);
    }
    if (p > 1) {
      const MatrixView<A> travelled = arriving_.view().slice_rows({0, home_.rows()});
      under_way[1].add(channel_.receive<A>(travelled, previous, Tag::second));
      under_way[1].wait();
      merge<A>(home_.view(), travelled, attention_.threads);
    }
    const double start = now();
    const std::int64_t value_dim = attention_.input.shape.value_dim;
    normalise<A>(home_.view(), {output.row(own_.begin), home_.rows(), value_dim, value_dim}, attention_.threads);
    phases.compute += now() - start;
    if (attention_.options.placement == Placement::replicated) attention_.comm.allgather_rows(output);
    return phases;
  }

 private:
  RowRange queries_of(int rank) const { return row_range(attention_.input.queries.rows, attention_.comm.size(), rank); }
  std::int64_t rows_of(RowRange queries) const { return queries.size() * attention_.input.shape.heads; }
  std::int64_t width() const { return attention_.input.shape.value_dim + 2; }

  // Whose queries visit at that step.
  RowRange origin(int step) const { return queries_of((channel_.rank() - step + channel_.size()) % channel_.size()); }
  MatrixView<T> place_for(int step) {
    return queries_[static_cast<std::size_t>(step % 2)].view().slice_rows({0, origin(step).size()});
  }
  MatrixView<A> part_of(int step) {
    return parts_[static_cast<std::size_t>(step % 2)].view().slice_rows({0, rows_of(origin(step))});
  }

  // Sends the present visitors on and receives those of `step`.
  Requests pass_queries(MatrixView<const T> visitors, int step) {
    const int p = channel_.size();
    Requests requests = channel_.receive<T>(place_for(step), (channel_.rank() + p - 1) % p);
    requests.add(channel_.send<T>(visitors, (channel_.rank() + 1) % p));
    return requests;
  }

  void attend(MatrixView<const T> queries, RowRange of, MatrixView<A> state) {
    AttentionInput<T> input = attention_.input;
    input.queries = queries;
    input.mask.offset += of.begin;
    attention_.kernel.compute(input, state, attention_.threads);
  }

  ShardedAttention<T> attention_;
  Channel channel_;
  RowRange own_;
  Matrix<A> home_;
  std::array<Matrix<T>, 2> queries_;  // visiting, and arriving
  std::array<Matrix<A>, 2> parts_;    // being computed, and being sent
  Matrix<A> arriving_;
};

}  // namespace

template <class T>
std::unique_ptr<PreparedAttention<T>> prepare(const ShardedAttention<T>& attention) {
  return std::make_unique<RingQ<T>>(attention);
}

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

template std::unique_ptr<PreparedAttention<float>> prepare(const ShardedAttention<float>&);
template std::unique_ptr<PreparedAttention<double>> prepare(const ShardedAttention<double>&);
template std::unique_ptr<PreparedAttention<Bf16>> prepare(const ShardedAttention<Bf16>&);
template std::unique_ptr<PreparedAttention<F16>> prepare(const ShardedAttention<F16>&);

}  // namespace knowscale::ring_q

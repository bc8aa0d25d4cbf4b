// SPDX-License-Identifier: BSD-3-Clause
// What the two rings have in common: a rank answers its own share of the queries, and computes while others' shards or
// queries are under way.
#pragma once

#include "comm/channel.hpp"
#include "comm/clock.hpp"
#include "comm/reduction.hpp"
#include "kernels/partial.hpp"
#include "kernels/threads.hpp"

namespace knowscale {

template <class T>
class OwnQueries : public PreparedAttention<T> {
 protected:
  using A = Accumulator<T>;

  explicit OwnQueries(const ShardedAttention<T>& attention)
      : attention_(attention),
        channel_(attention.comm, attention.options.overlap),
        own_(queries_of(channel_.rank())),
        state_(rows_of(own_), width()) {}

  int size() const { return channel_.size(); }
  int next() const { return (channel_.rank() + 1) % size(); }
  int previous() const { return (channel_.rank() + size() - 1) % size(); }
  // The rank that is so many steps behind.
  int behind(int steps) const { return (channel_.rank() + size() - steps) % size(); }

  RowRange queries_of(int rank) const { return row_range(attention_.input.queries.rows, size(), rank); }
  std::int64_t rows_of(RowRange queries) const { return queries.size() * attention_.input.shape.heads; }
  std::int64_t width() const { return attention_.input.shape.value_dim + 2; }

  // Runs compute(), which returns its seconds of copies, beside the messages of under_way, or after them where nothing
  // is overlapped.
  template <class Compute>
  void beside(Requests& under_way, Phases& phases, const Compute& compute) {
    const bool travelling = attention_.options.overlap && !under_way.complete();
    if (!travelling) under_way.wait();
    double arrived = 0;  // when they were found complete
    const auto polling = attention_.threads.while_polling([&] {
      if (arrived == 0 && under_way.complete()) arrived = now();
    });
    const double start = now();
    phases.copied += compute();
    const double end = now();
    phases.compute += end - start;
    if (travelling) phases.hidden += (arrived == 0 ? end : arrived) - start;
  }

  // Writes this rank's queries' output, and the others' where all want all.
  void write(MatrixView<A> output, Phases& phases) {
    const double start = now();
    const std::int64_t value_dim = attention_.input.shape.value_dim;
    normalise<A>(state_.view(), {output.row(own_.begin), state_.rows(), value_dim, value_dim}, attention_.threads);
    phases.compute += now() - start;
    if (attention_.options.placement == Placement::replicated) attention_.comm.allgather_rows(output);
  }

  ShardedAttention<T> attention_;
  Channel channel_;
  RowRange own_;     // queries
  Matrix<A> state_;  // theirs
};

template <class T, template <class> class Ring>
std::unique_ptr<PreparedAttention<T>> prepare_ring(const ShardedAttention<T>& attention) {
  return std::make_unique<Ring<T>>(attention);
}

// prepare of the table.
template <template <class> class Ring>
constexpr ByPrecision<PrepareAttention> prepared_ring() {
  return by_precision<PrepareAttention>([]<class T>() { return prepare_ring<T, Ring>; });
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// What an exchange may ask of the other ranks. Each channel has a communicator of its own, so that the messages of two
// tiles under way never meet.
#pragma once

#include <span>

#include "comm/communicator.hpp"
#include "comm/exchange.hpp"
#include "core/matrix.hpp"

namespace knowscale {

// Messages of one channel that may be under way at once between the same two ranks.
enum class Tag : int { first = 0, second = 1, third = 2 };

// Everything is started and handed back as Requests: buffers must stay until they are complete. Matrices without gaps
// between rows.
class Channel {
 public:
  // Collective. Where exchanges are not overlapped with compute, collectives are MPI's blocking ones, which libraries
  // tune far better than the others (Open MPI 4.1).
  Channel(const Communicator& comm, bool overlapped);

  const Communicator& comm() const { return comm_; }
  int rank() const { return comm_.rank(); }
  int size() const { return comm_.size(); }

  template <class T>
  Requests send(MatrixView<const T> rows, int to, Tag tag = Tag::first) const;
  template <class T>
  Requests receive(MatrixView<T> rows, int from, Tag tag = Tag::first) const;

  // In place, on every rank.
  template <class T>
  Requests allreduce(std::span<T> data, Combine combine) const;
  // The same with a datatype and an operator of the caller's, which must stay.
  Requests allreduce(void* data, std::int64_t count, MPI_Datatype type, MPI_Op op) const;
  // Rank r receives the rows of_rank[r] of every rank, in the order of ranks.
  template <class T>
  Requests all_to_all(MatrixView<const T> rows, std::span<const RowRange> of_rank, MatrixView<T> received) const;
  Requests barrier() const;

 private:
  Communicator comm_;
  bool overlapped_;
};

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "comm/channel.hpp"

#include <algorithm>
#include <vector>

#include "comm/row_type.hpp"
#include "core/half.hpp"

namespace knowscale {

Channel::Channel(const Communicator& comm, bool overlapped) : comm_(comm.duplicate()), overlapped_(overlapped) {}

template <class T>
Requests Channel::send(MatrixView<const T> rows, int to, Tag tag) const {
  const RowType<T> type(rows.cols);
  Requests requests;
  check_mpi(MPI_Isend(rows.data, message_count(rows.rows), type.get(), to, static_cast<int>(tag), comm_.handle(),
                      requests.add()),
            "MPI_Isend");
  return requests;
}

template <class T>
Requests Channel::receive(MatrixView<T> rows, int from, Tag tag) const {
  const RowType<T> type(rows.cols);
  Requests requests;
  check_mpi(MPI_Irecv(rows.data, message_count(rows.rows), type.get(), from, static_cast<int>(tag), comm_.handle(),
                      requests.add()),
            "MPI_Irecv");
  return requests;
}

Requests Channel::allreduce(void* data, std::int64_t count, MPI_Datatype type, MPI_Op op) const {
  Requests requests;
  if (overlapped_) {
    check_mpi(MPI_Iallreduce(MPI_IN_PLACE, data, message_count(count), type, op, comm_.handle(), requests.add()),
              "MPI_Iallreduce");
  } else {
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, data, message_count(count), type, op, comm_.handle()), "MPI_Allreduce");
  }
  return requests;
}

template <class T>
Requests Channel::allreduce(std::span<T> data, Combine combine) const {
  return allreduce(data.data(), static_cast<std::int64_t>(data.size()), mpi_type<T>(), mpi_op(combine));
}

template <class T>
Requests Channel::all_to_all(MatrixView<const T> rows, std::span<const RowRange> of_rank,
                             MatrixView<T> received) const {
  const std::int64_t own = of_rank[static_cast<std::size_t>(rank())].size();
  std::vector<int> counts, starts, own_counts, own_starts;
  for (int r = 0; r < size(); ++r) {
    const RowRange& range = of_rank[static_cast<std::size_t>(r)];
    counts.push_back(message_count(range.size()));
    starts.push_back(message_count(range.begin));
    own_counts.push_back(message_count(own));
    own_starts.push_back(message_count(own * r));
  }
  const RowType<T> type(rows.cols);
  Requests requests;
  const int *send_counts = requests.keep(std::move(counts)), *send_starts = requests.keep(std::move(starts));
  const int *take_counts = requests.keep(std::move(own_counts)), *take_starts = requests.keep(std::move(own_starts));
  if (overlapped_) {
    check_mpi(MPI_Ialltoallv(rows.data, send_counts, send_starts, type.get(), received.data, take_counts, take_starts,
                             type.get(), comm_.handle(), requests.add()),
              "MPI_Ialltoallv");
  } else {
    check_mpi(MPI_Alltoallv(rows.data, send_counts, send_starts, type.get(), received.data, take_counts, take_starts,
                            type.get(), comm_.handle()),
              "MPI_Alltoallv");
  }
  return requests;
}

Requests Channel::barrier() const {
  Requests requests;
  if (overlapped_) {
    check_mpi(MPI_Ibarrier(comm_.handle(), requests.add()), "MPI_Ibarrier");
  } else {
    check_mpi(MPI_Barrier(comm_.handle()), "MPI_Barrier");
  }
  return requests;
}

template Requests Channel::send(MatrixView<const float>, int, Tag) const;
template Requests Channel::send(MatrixView<const double>, int, Tag) const;
template Requests Channel::send(MatrixView<const Bf16>, int, Tag) const;
template Requests Channel::send(MatrixView<const F16>, int, Tag) const;
template Requests Channel::send(MatrixView<const std::uint8_t>, int, Tag) const;
template Requests Channel::receive(MatrixView<float>, int, Tag) const;
template Requests Channel::receive(MatrixView<double>, int, Tag) const;
template Requests Channel::receive(MatrixView<Bf16>, int, Tag) const;
template Requests Channel::receive(MatrixView<F16>, int, Tag) const;
template Requests Channel::receive(MatrixView<std::uint8_t>, int, Tag) const;
template Requests Channel::allreduce(std::span<float>, Combine) const;
template Requests Channel::allreduce(std::span<double>, Combine) const;
template Requests Channel::all_to_all(MatrixView<const float>, std::span<const RowRange>, MatrixView<float>) const;
template Requests Channel::all_to_all(MatrixView<const double>, std::span<const RowRange>, MatrixView<double>) const;

}  // namespace knowscale

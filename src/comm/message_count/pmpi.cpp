// SPDX-License-Identifier: BSD-3-Clause
// Calls of MPI that send, counted on their way to it (the profiling interface, MPI 4.0, section 15.2). One thread calls
// MPI, so that plain numbers do.
#include <mpi.h>

#include <cstdarg>
#include <cstdint>

#include "comm/message_count.hpp"

namespace {

using knowscale::Traffic;

Traffic counted;

double bytes_of(std::int64_t count, MPI_Datatype type) {
  int size = 0;
  PMPI_Type_size(type, &size);
  return static_cast<double>(count) * size;
}

int size_of(MPI_Comm comm) {
  int size = 0;
  PMPI_Comm_size(comm, &size);
  return size;
}

int rank_of(MPI_Comm comm) {
  int rank = 0;
  PMPI_Comm_rank(comm, &rank);
  return rank;
}

void count_message(int count, MPI_Datatype type) { counted += {1, bytes_of(count, type)}; }

void count_allreduce(int count, MPI_Datatype type, MPI_Comm comm) {
  counted += knowscale::allreduce_traffic(bytes_of(count, type), size_of(comm));
}

// A message to each of the others, all together what belongs to them.
void count_parts(const int* counts, MPI_Datatype type, MPI_Comm comm) {
  std::int64_t others = 0;
  for (int r = 0; r < size_of(comm); ++r) others += r == rank_of(comm) ? 0 : counts[r];
  counted += {static_cast<double>(size_of(comm) - 1), bytes_of(others, type)};
}

}  // namespace

extern "C" {

int MPI_Pcontrol(const int level, ...) {
  if (level != knowscale::kAskForTraffic) return MPI_SUCCESS;
  va_list arguments;
  va_start(arguments, level);
  *va_arg(arguments, Traffic*) = counted;
  *va_arg(arguments, bool*) = true;
  va_end(arguments);
  return MPI_SUCCESS;
}

int MPI_Send(const void* data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm) {
  count_message(count, type);
  return PMPI_Send(data, count, type, to, tag, comm);
}

int MPI_Isend(const void* data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request* request) {
  count_message(count, type);
  return PMPI_Isend(data, count, type, to, tag, comm, request);
}

int MPI_Sendrecv(const void* sent, int count, MPI_Datatype type, int to, int tag, void* received, int received_count,
                 MPI_Datatype received_type, int from, int received_tag, MPI_Comm comm, MPI_Status* status) {
  count_message(count, type);
  return PMPI_Sendrecv(sent, count, type, to, tag, received, received_count, received_type, from, received_tag, comm,
                       status);
}

int MPI_Allreduce(const void* data, void* result, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  count_allreduce(count, type, comm);
  return PMPI_Allreduce(data, result, count, type, op, comm);
}

int MPI_Iallreduce(const void* data, void* result, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                   MPI_Request* request) {
  count_allreduce(count, type, comm);
  return PMPI_Iallreduce(data, result, count, type, op, comm, request);
}

int MPI_Alltoallv(const void* data, const int counts[], const int starts[], MPI_Datatype type, void* received,
                  const int received_counts[], const int received_starts[], MPI_Datatype received_type, MPI_Comm comm) {
  count_parts(counts, type, comm);
  return PMPI_Alltoallv(data, counts, starts, type, received, received_counts, received_starts, received_type, comm);
}

int MPI_Ialltoallv(const void* data, const int counts[], const int starts[], MPI_Datatype type, void* received,
                   const int received_counts[], const int received_starts[], MPI_Datatype received_type, MPI_Comm comm,
                   MPI_Request* request) {
  count_parts(counts, type, comm);
  return PMPI_Ialltoallv(data, counts, starts, type, received, received_counts, received_starts, received_type, comm,
                         request);
}

int MPI_Bcast(void* data, int count, MPI_Datatype type, int root, MPI_Comm comm) {
  if (rank_of(comm) == root) counted += knowscale::broadcast_traffic(bytes_of(count, type), size_of(comm));
  return PMPI_Bcast(data, count, type, root, comm);
}

int MPI_Allgatherv(const void* data, int count, MPI_Datatype type, void* received, const int counts[],
                   const int starts[], MPI_Datatype received_type, MPI_Comm comm) {
  std::int64_t all = 0;
  for (int r = 0; r < size_of(comm); ++r) all += counts[r];
  counted += knowscale::allgather_traffic(bytes_of(all, received_type), size_of(comm));
  return PMPI_Allgatherv(data, count, type, received, counts, starts, received_type, comm);
}

}  // extern "C"

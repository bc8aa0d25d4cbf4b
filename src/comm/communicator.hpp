// SPDX-License-Identifier: BSD-3-Clause
// A communicator that owns its MPI handle, and the few collective patterns that the program uses besides
// the reductions. Every MPI call is checked; all functions are collective and block unless said.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/matrix.hpp"

namespace knowscale {

// Throws Error(resource) that names the call and MPI's own message when `code` is not MPI_SUCCESS.
void check_mpi(int code, const char* call);

// An Error that every rank of a communicator throws alike, so that none is left waiting for the others.
class CollectiveError : public Error {
 public:
  using Error::Error;
};

// Initialises MPI (funneled threads) and finalises it; one in main.
class MpiSession {
 public:
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
};

// First line of MPI_Get_library_version, e.g. "Open MPI v4.1.4".
std::string mpi_version();

enum class Combine { sum, maximum, minimum };

MPI_Op mpi_op(Combine combine);

template <class T>
MPI_Datatype mpi_type();

class Communicator {
 public:
  static Communicator world();  // a duplicate of MPI_COMM_WORLD with MPI_ERRORS_RETURN

  Communicator(Communicator&& other) noexcept;
  Communicator& operator=(Communicator&& other) noexcept;
  ~Communicator();

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }
  MPI_Comm handle() const { return handle_; }

  // The first `ranks` ranks as a communicator of their own; the others get an empty one (size() == 0).
  Communicator first(int ranks) const;
  // Ranks on this node.
  Communicator node() const;
  // The same ranks, whose messages do not meet those of this one.
  Communicator duplicate() const;
  // The ranks that gave the same `group`, in the order they have here; an empty one for those that gave a negative.
  Communicator split(int group) const;

  void barrier() const;
  // A barrier in which those who wait sleep instead of spinning: for idle ranks, whose spinning would
  // slow down the ones that are measured.
  void sleeping_barrier() const;

  void broadcast(std::string& text, int root = 0) const;
  void broadcast(std::vector<std::string>& texts, int root = 0) const;
  template <class T>
  void broadcast(std::span<T> data, int root = 0) const;

  // Element-wise over ranks, in place, result on all ranks.
  template <class T>
  void allreduce(std::span<T> data, Combine combine) const;
  template <class T>
  T allreduce(T value, Combine combine) const {
    allreduce(std::span<T>(&value, 1), combine);
    return value;
  }

  // Equal counts: rank-major on the root, empty elsewhere.
  template <class T>
  std::vector<T> gather(std::span<const T> data) const;
  std::vector<std::string> gather(const std::string& text) const;

  // Rows of every rank, in rank order, appended on the root; empty elsewhere.
  template <class T>
  Matrix<T> gather_rows(MatrixView<const T> rows) const;
  // Every rank's rows on all ranks: rank r contributes the rows ranges[r] of `all`, which follow one another.
  template <class T>
  void allgather_rows(MatrixView<T> all, std::span<const RowRange> ranges) const;
  // Rank r contributes those of row_range(total, size, r).
  template <class T>
  void allgather_rows(MatrixView<T> all) const;

  // Point to point, blocking; tag 0.
  template <class T>
  void send(std::span<const T> data, int to) const;
  template <class T>
  void receive(std::span<T> data, int from) const;
  // All ranks at once: sends to the next rank in a ring, receives as much from the previous one.
  template <class T>
  void shift(std::span<const T> sent, std::span<T> received) const;

  // Runs `local`, which may throw anything but must not communicate, on every rank; if it threw on any, throws
  // the Error of the lowest such rank (see current_error()) on all of them as a CollectiveError.
  void together(const std::function<void()>& local) const;

 private:
  Communicator() = default;
  explicit Communicator(MPI_Comm handle);

  MPI_Comm handle_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 0;
};

// Ends every rank of the program with this exit status, from one rank and without waiting for the others.
[[noreturn]] void abort_all_ranks(int status);

}  // namespace knowscale

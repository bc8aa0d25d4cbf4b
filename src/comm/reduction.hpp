// SPDX-License-Identifier: BSD-3-Clause
// The table of reductions: ways to merge the partial states of all ranks into the exact result.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "comm/communicator.hpp"
#include "kernels/attention.hpp"

namespace knowscale {

enum class Placement {
  replicated,  // every rank holds all queries' results
  sharded      // rank r holds those of row_range(queries, p, r)
};

// What a reduction is asked to merge: on each of `ranks` ranks a state of n h (d_v + 2) numbers.
struct ReductionShape {
  int ranks = 1;
  std::int64_t queries = 0;
  HeadShape heads;
  std::int64_t element_bytes = 4;  // w

  double state_bytes() const {  // S
    return static_cast<double>(queries * heads.heads * (heads.value_dim + 2) * element_bytes);
  }
};

// Sent by the rank that sends most.
struct Traffic {
  double messages = 0;
  double bytes = 0;
};

template <class T>
struct Reduction {
  std::string_view name;
  Placement placement;
  // Merges `partial` over the ranks, in place. Collective, blocking. Returns the rows of `partial` that now
  // hold the merged state on this rank (all of them when replicated); the others are undefined.
  RowRange (*run)(const Communicator& comm, Partial<T>& partial);
  Traffic (*traffic)(const ReductionShape& shape);
};

// All reductions of this build, in the order of their table in the README.
template <class T>
std::span<const Reduction<T>> reductions();

// The reduction of that name. Throws Error(usage) that lists the names there are.
template <class T>
const Reduction<T>& reduction_by_name(std::string_view name);

// Rows of a state of n queries x h heads that rank `rank` of `ranks` owns when the result is sharded by query.
RowRange result_rows(std::int64_t queries, std::int64_t heads, int ranks, int rank);

// MPI_Allreduce of `bytes` bytes by the algorithms that MPI libraries use: recursive doubling (log2 p
// messages of all bytes) for small ones, reduce-scatter and allgather (2 (p - 1) / p of the bytes) for
// large ones (Thakur, Rabenseifner & Gropp 2005). The library chooses; 10 KB is Open MPI's border.
Traffic allreduce_traffic(double bytes, int ranks);

}  // namespace knowscale

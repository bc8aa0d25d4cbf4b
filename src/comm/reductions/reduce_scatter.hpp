// SPDX-License-Identifier: BSD-3-Clause
// `reduce_scatter`: as two_phase, but each rank ends with the queries it owns and nothing else.
//
//   1. allreduce MAX of the n h maxima, rescale        (agree_on_maxima.hpp)
//   2. reduce-scatter SUM of the rows                  rank r: the merged rows of its queries
//
// Step 2 is a pairwise exchange of our own: MPI_Reduce_scatter took 2.3 times an allreduce from 16 MiB on (Open
// MPI 4.1).
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::reduce_scatter {

extern const ByPrecision<PrepareAttention> prepare;

// An allreduce of n h w bytes, then (p - 1) / p S bytes in p - 1 messages.
ReductionCost cost(const ReductionShape& shape);

}  // namespace knowscale::reduce_scatter

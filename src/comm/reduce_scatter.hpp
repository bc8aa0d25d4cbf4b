// SPDX-License-Identifier: BSD-3-Clause
// `reduce_scatter`: as two_phase, but each rank ends with the queries it owns and nothing else.
//
//   1. allreduce MAX of the n h maxima, rescale        (two_phase.hpp)
//   2. reduce-scatter SUM of the rows                  rank r: the merged rows of row_range(n, p, r)
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::reduce_scatter {

template <class T>
RowRange run(const Communicator& comm, Partial<T>& partial);

// An allreduce of n h w bytes, then (p - 1) / p S bytes in p - 1 messages.
Traffic traffic(const ReductionShape& shape);

}  // namespace knowscale::reduce_scatter

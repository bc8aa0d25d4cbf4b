// SPDX-License-Identifier: BSD-3-Clause
// `hierarchical`: shared memory inside a node (MPI-3 windows), messages between one leader of each node and the others.
//
//   window of a node:  | state of rank 0 | of rank 1 | ... | merged |
//   1. every rank has computed its state into the window          2. each merges its share of the rows into "merged"
//   3. the leaders allreduce "merged", as packed does             4. all ranks read it where it lies
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::hierarchical {

extern const ByPrecision<PrepareAttention> prepare;

// Between nodes, an allreduce of S bytes by the leaders; nothing is sent within one.
ReductionCost cost(const ReductionShape& shape);

}  // namespace knowscale::hierarchical

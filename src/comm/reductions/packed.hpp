// SPDX-License-Identifier: BSD-3-Clause
// `packed`: one allreduce of whole rows (o, l, m) with a merge of our own as its operator.
//
//   before: rank r holds its partial state P_r    after: every rank holds merge(P_0, ..., P_{p-1})
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::packed {

extern const ByPrecision<PrepareAttention> prepare;

// One allreduce of S bytes.
ReductionCost cost(const ReductionShape& shape);

}  // namespace knowscale::packed

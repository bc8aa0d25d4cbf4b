// SPDX-License-Identifier: BSD-3-Clause
// `all_to_all`: every rank sends every other the rows that the other owns, and merges what it gets in the order of
// ranks.
//
//   before: rank r holds P_r, all rows    after: rank r holds its rows of P_0, ..., P_{p-1}, then merge of them
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::all_to_all {

extern const ByPrecision<PrepareAttention> prepare;

// (p - 1) / p S bytes in p - 1 messages; the rank that owns least sends most.
ReductionCost cost(const ReductionShape& shape);

}  // namespace knowscale::all_to_all

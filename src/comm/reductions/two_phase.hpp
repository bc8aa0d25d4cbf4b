// SPDX-License-Identifier: BSD-3-Clause
// `two_phase`: agree on the maxima first, then sum states that all refer to them; built-in operators only.
//
//   1. allreduce MAX of the n h maxima       every rank: M_i = max_r m_i of rank r
//   2. rescale o and l by exp(m_i - M_i)     (local)
//   3. allreduce SUM of the rows             every rank: the merged state
//
// Step 3 sends whole rows: one number in d_v + 2 too many, and no copy.
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::two_phase {

extern const ByPrecision<PrepareAttention> prepare;

// An allreduce of n h w bytes, then one of S bytes.
ReductionCost cost(const ReductionShape& shape);

}  // namespace knowscale::two_phase

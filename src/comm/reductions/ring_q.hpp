// SPDX-License-Identifier: BSD-3-Clause
// `ring_q` (pass-Q): queries travel round the ring of ranks, and their states behind them; keys and values stay.
//
//   Queries set off at once, without a state. At each stop a rank passes them on, computes their state over its shard,
//   merges what came with them and sends that after them. Having been everywhere else, the state comes home, where the
//   part of the own shard is merged (Yang et al. 2024, context parallelism: pass-Q).
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::ring_q {

extern const ByPrecision<PrepareAttention> prepare;

// p - 1 messages of queries and p - 1 of states.
ReductionCost cost(const ReductionShape& shape);

}  // namespace knowscale::ring_q

// SPDX-License-Identifier: BSD-3-Clause
// `ring` (pass-KV): keys and values travel once round the ring of ranks, queries and their states stay.
//
//   step s: rank r computes its own queries against the shard of rank r - s, while it passes that one on to r + 1 and
//   receives the shard of r - s - 1 (Liu, Zaharia & Abbeel 2023, ring attention).
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::ring {

extern const ByPrecision<PrepareAttention> prepare;

// p - 1 messages of shards; the rank whose successor holds the smallest shard sends most.
ReductionCost cost(const ReductionShape& shape);

}  // namespace knowscale::ring

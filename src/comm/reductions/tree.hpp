// SPDX-License-Identifier: BSD-3-Clause
// `tree`: a binomial tree of merges to rank 0, then the result down the same tree.
//
//   up:    0 <- 1   2 <- 3   4 <- 5      then 0 <- 2   4 <- 6      then 0 <- 4
//   down:  0 -> 4                        then 0 -> 2   4 -> 6      then 0 -> 1   2 -> 3   4 -> 5
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::tree {

extern const ByPrecision<PrepareAttention> prepare;

// Rank 0 sends most, S bytes to each of its ceil(log2 p) children; the longest chain goes up and down.
ReductionCost cost(const ReductionShape& shape);

}  // namespace knowscale::tree

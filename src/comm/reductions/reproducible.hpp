// SPDX-License-Identifier: BSD-3-Clause
// `reproducible`: the same bits for every number of ranks and threads. Keys are cut into chunks of a fixed size,
// counted from the first key of the set; the states of chunks merge in one fixed binary tree over their numbers;
// queries are computed in groups counted from the first query. Shards end at borders of chunks.
//
//   chunks   0   1   2   3   4   5   6        A rank merges the subtrees that lie inside its shard. Of the others, the
//             \ /     \ /     \ /     |       owner of a node's first chunk receives the right half from the owner of
//              0       2       4     6       that one's first chunk. Rank 0 ends with the root and sends it down a
//                \   /           \  /        binomial tree.
//                  0               4
//                     \           /
//                           0
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::reproducible {

extern const ByPrecision<PrepareAttention> prepare;

// Counted on the tree itself: a rank sends the states of its right halves, and its part of the broadcast.
ReductionCost cost(const ReductionShape& shape);

}  // namespace knowscale::reproducible

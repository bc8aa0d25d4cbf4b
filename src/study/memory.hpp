// SPDX-License-Identifier: BSD-3-Clause
// Memory: what a case will need on a node, what is free, and what a rank has used at most.
#pragma once

#include <cstdint>
#include <string>

#include "comm/communicator.hpp"
#include "models/cost.hpp"

namespace knowscale {

// Bytes that this process may still take: free memory of the node, or less where its control groups limit it. The page
// cache that the kernel gives back counts as free. `root`: the folder that stands for /.
std::int64_t free_memory_bytes(const std::string& root = "");

// The high-water mark of this process's resident memory, in bytes.
std::int64_t peak_memory_bytes();

// Gives free memory back to the system and makes the present use the new high-water mark, where the kernel
// allows it.
void reset_peak_memory();

// Bytes of one rank of the case: shard, queries, state, output.
double estimated_rank_bytes(const Case& c, const Cost& cost);

// Throws CollectiveError(resource) where the ranks of `comm` on some node would together need more than is
// free there. Collective.
void require_memory(const Communicator& comm, const Case& c, const Cost& cost);

}  // namespace knowscale

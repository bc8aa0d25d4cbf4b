// SPDX-License-Identifier: BSD-3-Clause
// Sub-communicators of the one launch.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>

#include "comm/communicator.hpp"

namespace knowscale {

// Runs body(comm) on the first so many ranks for each of the counts, one after another; the others sleep meanwhile.
template <class Body>
void for_rank_counts(std::initializer_list<int> counts, const Body& body) {
  const Communicator world = Communicator::world();
  ASSERT_GE(world.size(), std::max(counts)) << "launch with more ranks";
  for (const int ranks : counts) {
    SCOPED_TRACE(std::to_string(ranks) + " ranks, rank " + std::to_string(world.rank()));
    const Communicator comm = world.first(ranks);
    if (comm.size() > 0) body(comm);
    world.sleeping_barrier();
  }
}

// The same for 1, 2, 3, 4, 5, 7 and 8 ranks.
template <class Body>
void for_rank_counts(const Body& body) {
  ASSERT_EQ(Communicator::world().size(), 8) << "launch with 8 ranks";
  for_rank_counts({1, 2, 3, 4, 5, 7, 8}, body);
}

}  // namespace knowscale

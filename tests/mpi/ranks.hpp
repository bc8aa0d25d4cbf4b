// SPDX-License-Identifier: BSD-3-Clause
// Sub-communicators of the one launch.
#pragma once

#include <gtest/gtest.h>

#include "comm/communicator.hpp"

namespace knowscale {

// Runs body(comm) on the first 1, 2, 3, 4, 5, 7 and 8 ranks, one after another; the others sleep meanwhile.
template <class Body>
void for_rank_counts(const Body& body) {
  const Communicator world = Communicator::world();
  ASSERT_EQ(world.size(), 8) << "launch with 8 ranks";
  for (const int ranks : {1, 2, 3, 4, 5, 7, 8}) {
    SCOPED_TRACE(std::to_string(ranks) + " ranks, rank " + std::to_string(world.rank()));
    const Communicator comm = world.first(ranks);
    if (comm.size() > 0) body(comm);
    world.sleeping_barrier();
  }
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Time on every rank, and how far the clocks of ranks are apart.
#pragma once

#include "comm/communicator.hpp"

namespace knowscale {

// Seconds on this rank's monotonic clock.
double now();

// Seconds to add to this rank's now() to read rank 0's clock: the ping-pong with the shortest round trip of
// 20 (Cristian 1989). Collective; p - 1 exchanges with rank 0, one after the other.
double clock_offset(const Communicator& comm);

}  // namespace knowscale

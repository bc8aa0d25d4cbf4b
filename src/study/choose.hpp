// SPDX-License-Identifier: BSD-3-Clause
// What the cost model decides where a campaign leaves it to it: the reduction, and the queries per tile.
#pragma once

#include "problem/case.hpp"
#include "study/ceilings.hpp"

namespace knowscale {

// What is run, and what the model expects of it.
struct Choice {
  Case c;                       // no reduction `auto`; a query tile where exchange is overlapped
  double exchange_seconds = 0;  // predicted, nothing hidden; 0 for the LSTM
};

// Decides for `c`, which attends or not. `ceilings` must have been measured for its ranks and threads.
Choice choose(const Case& c, const Ceilings& ceilings);

}  // namespace knowscale

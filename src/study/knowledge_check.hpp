// SPDX-License-Identifier: BSD-3-Clause
// Knowledge-set files read once before anything is timed: what would stop a case, stops the run before its first.
#pragma once

#include <vector>

#include "comm/communicator.hpp"
#include "problem/case.hpp"

namespace knowscale {

// Throws Error(resource) on every rank for a number that the precision of a case does not hold (NaN, Inf, too large),
// with its row, for a token that is no word, and where cases record what is attended, for a label or word that is no
// UTF-8. Collective: every rank reads its share of the vectors.
void check_knowledge(const std::vector<Case>& cases, const Communicator& world);

}  // namespace knowscale

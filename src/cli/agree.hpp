// SPDX-License-Identifier: BSD-3-Clause
// Ranks that were launched otherwise than rank 0: what differs innocently is rank 0's, the rest is refused.
#pragma once

#include <string>
#include <vector>

#include "comm/communicator.hpp"

namespace knowscale {

// Throws CollectiveError(resource) where ranks run other builds, or were given other command lines (their first word,
// the program's path, may differ). Launchers hand on the environment of their own node alone: from here on every
// rank has the KNOWSCALE_ variables of rank 0 and no others. Collective.
void agree_on_launch(const Communicator& world, const std::vector<std::string>& argv);

}  // namespace knowscale

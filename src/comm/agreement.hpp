// SPDX-License-Identifier: BSD-3-Clause
// Whether ranks agree on what none of them may see otherwise than rank 0 does.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "comm/communicator.hpp"

namespace knowscale {

// What a rank found, in the order in which it is compared: name and value.
using Facts = std::vector<std::pair<std::string, std::string>>;

// Throws CollectiveError(resource) that names the lowest rank with another value than rank 0's, what differs, both
// values and `remedy`. Collective.
void require_agreement(const Communicator& comm, const Facts& mine, const std::string& remedy);

}  // namespace knowscale

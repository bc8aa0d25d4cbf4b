// SPDX-License-Identifier: BSD-3-Clause
// What a run will do, known before anything is measured.
#pragma once

#include <string>
#include <vector>

#include "campaign/campaign.hpp"
#include "campaign/expand.hpp"
#include "campaign/run_options.hpp"
#include "comm/communicator.hpp"

namespace knowscale {

struct Plan {
  Campaign campaign;
  std::vector<Case> cases;
  std::string config_hash;
};

// The names of everything in this build.
KnownNames known_names();

// Reads, validates and expands the campaign. Collective; throws CollectiveError.
Plan make_plan(const RunOptions& options, const Communicator& world);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// `knowscale run`: a campaign from its file to its result file.
#pragma once

#include "campaign/run_options.hpp"
#include "comm/communicator.hpp"
#include "core/error.hpp"

namespace knowscale {

// Collective over `world`. Results and the final line go to stdout of rank 0, progress to its stderr. Throws
// CollectiveError where nothing (more) can be measured; finished cases are on disk by then.
ExitStatus run_campaign(const RunOptions& options, const Communicator& world);

}  // namespace knowscale

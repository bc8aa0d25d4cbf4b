// SPDX-License-Identifier: BSD-3-Clause
// What the command line says of a run, as a plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace knowscale {

struct RunOptions {
  std::string campaign_path;
  std::vector<std::string> overrides;  // key=value
  std::string reduction;               // empty: as the campaign says
  std::int64_t top_k = 0;              // 0: as the campaign says
  std::string output;                  // empty: results/<campaign name>.h5
  std::optional<std::vector<std::int64_t>> ranks;
  bool dry_run = false;
  bool keep_io = false;
  bool count_messages = false;
  double watchdog_seconds = 1800;  // see Watchdog; 0: none
  std::vector<std::string> argv;   // for the record
};

}  // namespace knowscale

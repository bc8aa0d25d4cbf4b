// SPDX-License-Identifier: BSD-3-Clause
// The keys of a campaign file, and changes to them from the command line and the environment.
#pragma once

#include <toml++/toml.h>

#include <string>
#include <vector>

namespace knowscale {

inline const std::vector<std::string> kTopKeys = {"name", "seed", "ranks_a_device", "timing", "study"};
inline const std::vector<std::string> kTimingKeys = {"relative_interval", "min_repetitions", "max_seconds"};
inline const std::vector<std::string> kStudyKeys = {
    "name",    "knowledge",   "model",     "kernel",    "reduction", "precision",  "n",     "m",
    "d",       "heads",       "kv_heads",  "hidden",    "batch",     "scale",      "ranks", "threads",
    "scaling", "query_block", "key_block", "placement", "overlap",   "query_tile", "chunk", "node_size",
    "causal",  "sequence",    "lengths",   "top_k",     "symmetry",  "transport"};

// Puts the value of "key=value" where the key points to (see read_campaign). Throws Error(usage).
void apply_override(toml::table& file, const std::string& text);

// "key=value" for each KNOWSCALE_* variable that stands for a key.
std::vector<std::string> overrides_of_environment();

}  // namespace knowscale

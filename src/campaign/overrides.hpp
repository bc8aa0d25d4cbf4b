// SPDX-License-Identifier: BSD-3-Clause
// Changes to a campaign file from the command line and the environment.
#pragma once

#include <toml++/toml.h>

#include <string>
#include <vector>

namespace knowscale {

// A change of one key (see parse_campaign), and what is to blame for it: "KNOWSCALE_SEED", "--set seed=x".
struct Override {
  std::string origin, key, value;
};

// Of "key=value". Throws Error(usage).
Override override_of_option(const std::string& text);

// Those of the KNOWSCALE_* variables that stand for a key. Throws Error(usage) for an empty one.
std::vector<Override> overrides_of_environment();

// Puts the value where the key points to; it stays its origin's in messages. Throws Error(usage).
void apply_override(toml::table& file, const Override& change);

// Of the study that comes so manyth, from 1, and has no name.
std::string default_study_name(std::size_t number);

}  // namespace knowscale

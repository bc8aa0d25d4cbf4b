// SPDX-License-Identifier: BSD-3-Clause
// Messages about names that are not known.
#pragma once

#include <string>
#include <vector>

namespace knowscale {

// `use one of "a", "b"`, or `did you mean "a"?` in front of it where one is near (two edits at most).
std::string remedy_for_name(const std::string& name, const std::vector<std::string>& known);

// The same for a key of a campaign, which may have had another name.
std::string remedy_for_key(const std::string& name, const std::vector<std::string>& known);

}  // namespace knowscale

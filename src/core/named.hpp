// SPDX-License-Identifier: BSD-3-Clause
// Looking an entry up in one of the program's tables (models, kernels, reductions) by its name.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace knowscale {

// The entry of that name. Throws Error(usage) that says what (such as "kernel") is not there, and what is.
template <class Entry>
const Entry& entry_by_name(std::span<const Entry> table, std::string_view what, std::string_view name) {
  std::string known;
  for (const Entry& entry : table) {
    if (entry.name == name) return entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw Error(ExitStatus::usage,
              std::string(what) + " = \"" + std::string(name) + "\" is not in this build: use one of " + known);
}

}  // namespace knowscale

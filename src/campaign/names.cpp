// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/names.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>

namespace knowscale {
namespace {

// A longer name is no slip of a known one; comparing a name of a megabyte takes seconds.
constexpr std::size_t kLongestMistake = 100;

// Keys of campaigns until version 0.1, and what they are called now.
constexpr std::array<std::array<std::string_view, 2>, 2> kRenamed = {
    {{"ranks_a_device", "ranks_per_device"}, {"threads_a_core", "threads_per_core"}}};

// Levenshtein's edit distance.
std::size_t edits_between(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string remedy_for_name(const std::string& name, const std::vector<std::string>& known) {
  if (name.size() > kLongestMistake) return fmt::format("use one of {}", fmt::join(known, ", "));
  const auto nearest = std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return edits_between(name, a) < edits_between(name, b);
  });
  const bool near = nearest != known.end() && edits_between(name, *nearest) <= 2;
  return fmt::format("{}use one of {}", near ? fmt::format("did you mean \"{}\"? ", *nearest) : "",
                     fmt::join(known, ", "));
}

std::string remedy_for_key(const std::string& name, const std::vector<std::string>& known) {
  for (const auto& [old, now] : kRenamed) {
    if (name == old) return fmt::format("it is called {} now", now);
  }
  return remedy_for_name(name, known);
}

}  // namespace knowscale

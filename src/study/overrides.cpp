// SPDX-License-Identifier: BSD-3-Clause
#include "study/overrides.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "core/error.hpp"
#include "study/names.hpp"

namespace knowscale {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ExitStatus::usage, message); }

// "key=value" as a TOML table {key = value}; a value that is no TOML is a plain string.
toml::table parse_override(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) refuse(fmt::format("--set {}: give key=value", text));
  try {
    return toml::parse("value = " + text.substr(equals + 1));
  } catch (const toml::parse_error&) {
    toml::table table;
    table.insert("value", text.substr(equals + 1));
    return table;
  }
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// KNOWSCALE_* variables that stand for a key of the campaign.
constexpr std::array<std::array<const char*, 2>, 5> kVariables = {
    {{"KNOWSCALE_SEED", "seed"},
     {"KNOWSCALE_THREADS", "threads"},
     {"KNOWSCALE_RELATIVE_INTERVAL", "timing.relative_interval"},
     {"KNOWSCALE_MIN_REPETITIONS", "timing.min_repetitions"},
     {"KNOWSCALE_MAX_SECONDS", "timing.max_seconds"}}};

}  // namespace

void apply_override(toml::table& file, const std::string& text) {
  const toml::table value = parse_override(text);
  const toml::node& node = *value.get("value");
  const std::string key = text.substr(0, text.find('=')), first = key.substr(0, key.find('.'));
  const std::string rest = key.size() > first.size() ? key.substr(first.size() + 1) : "";
  if (rest.empty() && (first == "seed" || first == "name" || first == "ranks_a_device")) {
    file.insert_or_assign(first, node);
    return;
  }
  if (first == "timing" && contains(kTimingKeys, rest)) {
    if (file.get("timing") == nullptr) file.insert("timing", toml::table{});
    file.get("timing")->as_table()->insert_or_assign(rest, node);
    return;
  }
  const std::string wanted = rest.empty() ? first : rest;
  if (!contains(kStudyKeys, wanted))
    refuse(fmt::format("--set {}: unknown key \"{}\": {}", text, key, remedy_for_name(wanted, kStudyKeys)));
  bool found = false;
  if (toml::array* studies = file.get("study") == nullptr ? nullptr : file.get("study")->as_array()) {
    for (toml::node& study : *studies) {
      if (!study.is_table()) continue;
      if (!rest.empty() && (*study.as_table())["name"].value_or(std::string()) != first) continue;
      study.as_table()->insert_or_assign(wanted, node);
      found = true;
    }
  }
  if (!found) refuse(fmt::format("--set {}: no study is named \"{}\"", text, first));
}

std::vector<std::string> overrides_of_environment() {
  std::vector<std::string> overrides;
  for (const auto& [variable, key] : kVariables) {
    if (const char* value = std::getenv(variable)) overrides.push_back(fmt::format("{}={}", key, value));
  }
  return overrides;
}

}  // namespace knowscale

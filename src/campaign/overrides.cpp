// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/overrides.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "campaign/campaign.hpp"
#include "campaign/limits.hpp"
#include "campaign/names.hpp"
#include "campaign/section.hpp"
#include "core/text.hpp"

namespace knowscale {
namespace {

[[noreturn]] void refuse(const Override& change, const std::string& message) {
  refuse_campaign(fmt::format("{}: {}", one_line(change.origin), message));
}

// As a TOML string, so that what is no TOML is taken as it stands.
std::string quoted(const std::string& text) {
  std::string toml = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '"' || c == '\\') {
      toml += fmt::format("\\u{:04x}", byte);
    } else {
      toml += c;
    }
  }
  return toml + '"';
}

// {value = ...}, whose source is the change's origin, for messages. A value that is no TOML is a plain string; so is
// one whose line ends bring in more keys.
toml::table parse_value(const Override& change) {
  try {
    toml::table table = toml::parse("value = " + change.value, change.origin);
    if (table.size() == 1) return table;
  } catch (const toml::parse_error&) {
  }
  try {
    return toml::parse("value = " + quoted(change.value), change.origin);
  } catch (const toml::parse_error& error) {
    refuse(change, fmt::format("{}: give UTF-8", one_line(error.description())));
  }
}

// A copied node would lose its source: each place takes one of its own.
void put(toml::table& table, const std::string& key, const Override& change) {
  toml::table value = parse_value(change);
  table.insert_or_assign(key, std::move(*value.get("value")));
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether a change of the study of that name means this one, the `number`th, which has a default name.
bool is_named(const toml::table& study, std::size_t number, const std::string& name) {
  const toml::node* own = study.get("name");
  return own == nullptr ? name == default_study_name(number) : own->value<std::string>() == name;
}

// Whether there was any. A `study` that is no list of tables is left to be refused by what reads it.
bool put_in_studies(toml::table& file, const std::string& name, const std::string& key, const Override& change) {
  toml::array* studies = file.get("study") == nullptr ? nullptr : file.get("study")->as_array();
  if (studies == nullptr || studies->empty()) return true;
  bool found = false;
  std::size_t number = 0;
  for (toml::node& study : *studies) {
    ++number;
    if (!study.is_table()) return true;
    if (!name.empty() && !is_named(*study.as_table(), number, name)) continue;
    put(*study.as_table(), key, change);
    found = true;
  }
  return found;
}

// KNOWSCALE_* variables that stand for a key of the campaign.
constexpr std::array<std::array<const char*, 2>, 5> kVariables = {
    {{"KNOWSCALE_SEED", "seed"},
     {"KNOWSCALE_THREADS", "threads"},
     {"KNOWSCALE_RELATIVE_INTERVAL", "timing.relative_interval"},
     {"KNOWSCALE_MIN_REPETITIONS", "timing.min_repetitions"},
     {"KNOWSCALE_MAX_SECONDS", "timing.max_seconds"}}};

}  // namespace

std::string default_study_name(std::size_t number) { return fmt::format("study{}", number); }

Override override_of_option(const std::string& text) {
  const std::size_t equals = text.find('=');
  Override change = {"--set " + text, text.substr(0, equals), ""};
  if (equals == 0 || equals == std::string::npos) refuse(change, "give key=value");
  change.value = text.substr(equals + 1);
  if (text.size() > kMostLineBytes) refuse(change, fmt::format("use at most {} bytes", kMostLineBytes));
  return change;
}

std::vector<Override> overrides_of_environment() {
  std::vector<Override> changes;
  for (const auto& [variable, key] : kVariables) {
    const char* value = std::getenv(variable);
    if (value == nullptr) continue;
    changes.push_back({variable, key, value});
    if (changes.back().value.empty()) refuse(changes.back(), "the variable is empty: give it a value, or unset it");
    if (changes.back().value.size() > kMostLineBytes)
      refuse(changes.back(), fmt::format("use at most {} bytes", kMostLineBytes));
  }
  return changes;
}

void apply_override(toml::table& file, const Override& change) {
  // Names of studies may have dots, keys have none.
  const std::size_t dot = change.key.rfind('.');
  const std::string before = dot == std::string::npos ? "" : change.key.substr(0, dot);
  const std::string key = dot == std::string::npos ? change.key : change.key.substr(dot + 1);
  if (before.empty() && contains(setting_key_names(""), key)) return put(file, key, change);
  if (before == "timing" && contains(setting_key_names("timing"), key)) {
    if (file.get("timing") == nullptr) file.insert("timing", toml::table{});
    if (toml::table* timing = file.get("timing")->as_table()) put(*timing, key, change);
    return;  // one that is no table is left to be refused by what reads it
  }
  if (const std::vector<std::string> known = study_key_names(); !contains(known, key)) {
    refuse(change, fmt::format("unknown key \"{}\": {}; at the top {}; in timing. {}", one_line(change.key),
                               remedy_for_key(key, known), fmt::join(setting_key_names(""), ", "),
                               fmt::join(setting_key_names("timing"), ", ")));
  }
  if (!put_in_studies(file, before, key, change))
    refuse(change, fmt::format("no study is named \"{}\": see name in [[study]]", one_line(before)));
}

}  // namespace knowscale

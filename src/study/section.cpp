// SPDX-License-Identifier: BSD-3-Clause
#include "study/section.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"
#include "study/names.hpp"

namespace knowscale {
namespace {

std::string as_text(const toml::node& node) {
  std::ostringstream text;
  node.visit([&](const auto& concrete) { text << concrete; });
  return one_line(text.str());
}

bool is_name(const std::string& text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return !text.empty() && text.size() <= kMostNameBytes && std::none_of(text.begin(), text.end(), is_control);
}

}  // namespace

void refuse_campaign(const std::string& message) { throw Error(ExitStatus::usage, message); }

std::string place_of(const toml::node& node, const std::string& path) {
  const toml::source_region& source = node.source();
  if (source.path && *source.path != path) return one_line(*source.path);
  return source.begin.line == 0 ? path : fmt::format("{}:{}", path, source.begin.line);
}

void Section::require_known_keys(const std::vector<std::string>& known) const {
  for (const auto& [key, node] : table_) {
    const std::string text(key.str());
    if (std::find(known.begin(), known.end(), text) == known.end()) {
      refuse_campaign(fmt::format("{}: unknown key \"{}\" in {}: {}", place_of(node, path_), one_line(text), name_,
                                  remedy_for_name(text, known)));
    }
  }
}

void Section::refuse_value(const char* key, const toml::node& node, const std::string& remedy) const {
  refuse_campaign(fmt::format("{}: {} = {} in {}: {}", place_of(node, path_), key, as_text(node), name_, remedy));
}

std::vector<std::string> Section::texts(const char* key, std::vector<std::string> otherwise, bool many) const {
  const std::string kind =
      fmt::format("a name in quotes (1 to {} bytes, no control characters such as line ends)", kMostNameBytes);
  return list<std::string>(
      key, std::move(otherwise), kind,
      [](const toml::node& node) {
        const std::optional<std::string> value = node.value<std::string>();
        return value && is_name(*value) ? value : std::nullopt;
      },
      many);
}

std::vector<std::int64_t> Section::integers(const char* key, std::vector<std::int64_t> otherwise, WholeNumbers range,
                                            bool many) const {
  const std::string kind = fmt::format("a whole number of at least {} and at most {}", range.least, range.most);
  return list<std::int64_t>(
      key, std::move(otherwise), kind,
      [range](const toml::node& node) {
        const auto value = node.is_integer() ? node.value<std::int64_t>() : std::nullopt;
        return value && *value >= range.least && *value <= range.most ? value : std::nullopt;
      },
      many);
}

// Whole numbers are numbers too. NaN is in no range.
std::vector<double> Section::reals(const char* key, std::vector<double> otherwise, RealNumbers range, bool many) const {
  const std::string kind =
      fmt::format("a number above 0, of at least {:.6g} and at most {:.6g}", range.least, range.most);
  return list<double>(
      key, std::move(otherwise), kind,
      [range](const toml::node& node) {
        const auto value = node.is_number() ? node.value<double>() : std::nullopt;
        return value && *value >= range.least && *value <= range.most ? value : std::nullopt;
      },
      many);
}

bool Section::flag(const char* key) const {
  const toml::node* node = find(key);
  if (node == nullptr) return false;
  if (!node->is_boolean()) refuse_value(key, *node, "give true or false");
  return *node->value<bool>();
}

}  // namespace knowscale

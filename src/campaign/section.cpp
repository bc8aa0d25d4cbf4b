// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/section.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "campaign/names.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

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

// The value of a node, none where the kind does not take it.
struct Reader {
  const toml::node& node;
  std::string_view word;

  KeyValue operator()(const WholeNumbers& range) const {
    const auto value = node.is_integer() ? node.value<std::int64_t>() : std::nullopt;
    if (value && *value >= range.least && *value <= range.most) return *value;
    return read_word();
  }
  // Whole numbers are numbers too. NaN is in no range.
  KeyValue operator()(const RealNumbers& range) const {
    const auto value = node.is_number() ? node.value<double>() : std::nullopt;
    if (value && *value >= range.least && *value <= range.most) return *value;
    return read_word();
  }
  KeyValue operator()(const OneOf& names) const {
    const auto value = node.value<std::string>();
    if (value && std::find(names.begin(), names.end(), *value) != names.end()) return *value;
    return {};
  }
  KeyValue operator()(Flag) const {
    if (!node.is_boolean()) return {};
    return *node.value<bool>() ? "yes" : "no";
  }
  KeyValue operator()(Name) const {
    const auto value = node.value<std::string>();
    if (value && is_name(*value)) return *value;
    return {};
  }

 private:
  KeyValue read_word() const {
    const auto value = word.empty() ? std::nullopt : node.value<std::string>();
    if (value && *value == word) return *value;
    return {};
  }
};

}  // namespace

void refuse_campaign(const std::string& message) { throw Error(ExitStatus::usage, message); }

// Throws where parsing would take too long, or too much of the stack.
void require_reasonable_size(const std::string& text, const std::string& path) {
  if (text.size() > kMostCampaignBytes) {
    refuse_campaign(fmt::format("{}: has more than {} MiB: a campaign has at most that: make several", path,
                                kMostCampaignBytes >> 20));
  }
  std::size_t number = 1;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (end - begin > kMostLineBytes) {
      refuse_campaign(fmt::format("{}:{}: a line of {} bytes: use at most {}, lists may go over several lines", path,
                                  number, end - begin, kMostLineBytes));
    }
    begin = end + 1;
  }
}

toml::table parse_toml(const std::string& text, const std::string& path) {
  require_reasonable_size(text, path);
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    refuse_campaign(
        fmt::format("{}:{}: {}: mend the TOML there", path, error.source().begin.line, one_line(error.description())));
  }
}

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
                                  remedy_for_key(text, known)));
    }
  }
}

void Section::refuse_value(std::string_view key, const toml::node& node, const std::string& remedy) const {
  refuse_campaign(fmt::format("{}: {} = {} in {}: {}", place_of(node, path_), key, as_text(node), name_, remedy));
}

std::vector<KeyValue> Section::values(const Key& key) const {
  const toml::node* node = find(key.name);
  if (node == nullptr) return {key.otherwise};
  const toml::array* array = node->as_array();
  if (!key.many && array != nullptr) refuse_value(key.name, *node, "give one value, not a list");
  std::vector<KeyValue> values;
  const auto add = [&](const toml::node& element) {
    const KeyValue value = std::visit(Reader{element, key.word}, key.kind);
    if (value == KeyValue()) {
      refuse_value(key.name, *node, "give " + text_of(key.kind, key.word) + (key.many ? ", or a list of them" : ""));
    }
    values.push_back(value);
  };
  if (array == nullptr) {
    add(*node);
    return values;
  }
  for (const toml::node& element : *array) add(element);
  if (values.empty()) refuse_value(key.name, *node, "the list is empty: give at least one value");
  return values;
}

}  // namespace knowscale

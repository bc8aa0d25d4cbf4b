// SPDX-License-Identifier: BSD-3-Clause
// One table of a campaign file: its values by key, checked for type and range, refused by place, key, value and remedy.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "study/limits.hpp"

namespace knowscale {

// Throws Error(usage).
[[noreturn]] void refuse_campaign(const std::string& message);

// Where a value comes from: "campaign.toml:3", or what changed it ("KNOWSCALE_SEED", "--set seed=x").
std::string place_of(const toml::node& node, const std::string& path);

class Section {
 public:
  Section(const toml::table& table, std::string path, std::string name)
      : table_(table), path_(std::move(path)), name_(std::move(name)) {}

  void require_known_keys(const std::vector<std::string>& known) const;
  const toml::node* find(const char* key) const { return table_.get(key); }
  [[noreturn]] void refuse_value(const char* key, const toml::node& node, const std::string& remedy) const;

  // A scalar is a list of one, and where there may not be `many` it must be one. read(node) returns an optional; `kind`
  // says what it takes.
  template <class Value, class Read>
  std::vector<Value> list(const char* key, std::vector<Value> otherwise, const std::string& kind, const Read& read,
                          bool many = true) const {
    const toml::node* node = find(key);
    if (node == nullptr) return otherwise;
    if (!many && node->is_array()) refuse_value(key, *node, "give one value, not a list");
    std::vector<Value> values;
    const auto add = [&](const toml::node& element) {
      const std::optional<Value> value = read(element);
      if (!value) refuse_value(key, *node, "give " + kind + (many ? ", or a list of them" : ""));
      values.push_back(*value);
    };
    if (const toml::array* array = node->as_array()) {
      for (const toml::node& element : *array) add(element);
      if (values.empty()) refuse_value(key, *node, "the list is empty: give at least one value");
    } else {
      add(*node);
    }
    return values;
  }

  // Texts are names or paths: not empty, and without control characters, which end or break lines and C strings.
  std::vector<std::string> texts(const char* key, std::vector<std::string> otherwise, bool many = true) const;
  std::vector<std::int64_t> integers(const char* key, std::vector<std::int64_t> otherwise, WholeNumbers range,
                                     bool many = true) const;
  std::vector<double> reals(const char* key, std::vector<double> otherwise, RealNumbers range, bool many = true) const;

  // One of them, no list.
  std::string text(const char* key, const std::string& otherwise) const { return texts(key, {otherwise}, false)[0]; }
  std::int64_t integer(const char* key, std::int64_t otherwise, WholeNumbers range) const {
    return integers(key, {otherwise}, range, false)[0];
  }
  double real(const char* key, double otherwise, RealNumbers range) const {
    return reals(key, {otherwise}, range, false)[0];
  }
  bool flag(const char* key) const;

 private:
  const toml::table& table_;
  std::string path_;
  std::string name_;
};

}  // namespace knowscale

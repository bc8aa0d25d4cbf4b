// SPDX-License-Identifier: BSD-3-Clause
// One table of a campaign file: its values by key, checked for type and range, refused by place, key, value and remedy.
#pragma once

#include <toml++/toml.h>

#include <string>
#include <string_view>
#include <vector>

#include "campaign/keys.hpp"

namespace knowscale {

// Throws Error(usage).
[[noreturn]] void refuse_campaign(const std::string& message);

// Throws Error(usage) where parsing would take too long, or too much of the stack.
void require_reasonable_size(const std::string& text, const std::string& path);

// The text of a file of that name. Throws Error(usage) with the place of a mistake.
toml::table parse_toml(const std::string& text, const std::string& path);

// Where a value comes from: "campaign.toml:3", or what changed it ("KNOWSCALE_SEED", "--set seed=x").
std::string place_of(const toml::node& node, const std::string& path);

class Section {
 public:
  Section(const toml::table& table, std::string path, std::string name)
      : table_(table), path_(std::move(path)), name_(std::move(name)) {}

  void require_known_keys(const std::vector<std::string>& known) const;
  const toml::node* find(std::string_view key) const { return table_.get(key); }
  [[noreturn]] void refuse_value(std::string_view key, const toml::node& node, const std::string& remedy) const;

  // What stands at the key, or else what the key says: one value, or where there may be many a list, of which a scalar
  // is one of one.
  std::vector<KeyValue> values(const Key& key) const;

 private:
  const toml::table& table_;
  std::string path_;
  std::string name_;
};

}  // namespace knowscale

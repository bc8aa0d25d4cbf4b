// SPDX-License-Identifier: BSD-3-Clause
// A campaign file (TOML) as a plain value. Nothing is measured before everything in it has been validated.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "campaign/keys.hpp"
#include "campaign/limits.hpp"

namespace knowscale {

struct Timing {
  double relative_interval = 0.05;  // width of the 95 % interval of the median over the median
  std::int64_t min_repetitions = 10;
  double max_seconds = 5;  // per case
};

// One [[study]]: the product of its lists.
struct Study {
  std::string name;
  std::map<std::string, std::vector<KeyValue>, std::less<>> lists;  // of every key of a case

  // Throws std::out_of_range.
  const std::vector<KeyValue>& operator[](std::string_view key) const { return lists.at(std::string(key)); }
  std::vector<KeyValue>& operator[](std::string_view key) { return lists[std::string(key)]; }
};

struct Campaign {
  std::string name;
  std::uint64_t seed = 1;
  std::int64_t ranks_per_device = 1;                       // at most
  std::int64_t threads_per_core = kDefaultThreadsPerCore;  // of a rank, for each core of its machine, at most
  std::int64_t max_cases = kDefaultMaxCases;
  Timing timing;
  std::vector<Study> studies;
  std::string text;  // the file as read, for the record
};

// A key of the campaign itself.
struct SettingKey : Key {
  std::string_view table = "";  // that it stands in; "": at the top
  void (*set)(Campaign&, const KeyValue&) = nullptr;
};
std::span<const SettingKey> setting_keys();

// The name of a study, which is no key of a case.
const Key& study_name_key();

// What may be said of a study, and in a table of the campaign.
std::vector<std::string> study_key_names();
std::vector<std::string> setting_key_names(std::string_view table);

// The text of a campaign file, whose size and lines are in bounds (limits.hpp). Throws Error(usage).
std::string read_campaign_file(const std::string& path);

// Validates a campaign: syntax, keys, types, ranges of single values. (Names and combinations are validated by
// expand().) KNOWSCALE_ variables change the file, `changes` ("key=value", of --set) change both: a key of the top
// level ("seed"), of a table ("timing.max_seconds"), of every study ("ranks=[1,2]"), or of one study by its name
// ("strong.m=[1024]"); the value is TOML, or a plain string where it is not. `path` is for messages. Throws
// Error(usage) that names place, key, value and remedy.
Campaign parse_campaign(const std::string& path, const std::string& text, const std::vector<std::string>& changes);

// Both.
Campaign read_campaign(const std::string& path, const std::vector<std::string>& changes);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/campaign.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "campaign/limits.hpp"
#include "campaign/overrides.hpp"
#include "campaign/section.hpp"
#include "core/text.hpp"

namespace knowscale {
namespace {

std::int64_t whole(const KeyValue& value) { return std::get<std::int64_t>(value); }

Study read_study(const toml::table& table, const std::string& path, std::size_t number) {
  const Section section(table, path, fmt::format("study {}", number));
  section.require_known_keys(study_key_names());
  Study study;
  study.name = text_of(section.values(study_name_key()).front());
  if (study.name.empty()) study.name = default_study_name(number);
  if (section.find("model") == nullptr) {
    refuse_campaign(fmt::format("{}: study \"{}\" has no model: add model = [\"knowledge\", \"lstm\"]",
                                place_of(table, path), study.name));
  }
  for (const CaseKey& key : case_keys()) study[key.name] = section.values(key);
  return study;
}

// The studies as they stand in the file.
const toml::array& find_studies(const Section& top, const std::string& path) {
  const toml::node* node = top.find("study");
  if (node == nullptr) refuse_campaign(path + ": no [[study]]: add at least one");
  const toml::array* array = node->as_array();
  if (array == nullptr || array->empty() || !array->is_homogeneous(toml::node_type::table))
    top.refuse_value("study", *node, "make it a list of tables, at least one: [[study]]");
  return *array;
}

// Those keys of the campaign itself that stand in this table of its file.
void read_settings(const Section& section, std::string_view table, Campaign& to) {
  for (const SettingKey& key : setting_keys()) {
    if (key.table == table) key.set(to, section.values(key).front());
  }
}

void read_timing(const Section& top, const std::string& path, Campaign& to) {
  static const toml::table kNone;
  const toml::node* node = top.find("timing");
  if (node != nullptr && !node->is_table()) top.refuse_value("timing", *node, "make it one table: [timing]");
  const Section timing(node == nullptr ? kNone : *node->as_table(), path, "[timing]");
  timing.require_known_keys(setting_key_names("timing"));
  read_settings(timing, "timing", to);
}

Campaign to_campaign(const toml::table& file, const std::string& path) {
  const Section top(file, path, "the campaign");
  std::vector<std::string> known = setting_key_names("");
  known.insert(known.end(), {"timing", "study"});
  top.require_known_keys(known);
  Campaign campaign;
  read_settings(top, "", campaign);
  if (campaign.name.find('/') != std::string::npos)
    top.refuse_value("name", *top.find("name"), "give a name without \"/\"");
  read_timing(top, path, campaign);
  std::set<std::string> names;
  for (const toml::node& node : find_studies(top, path)) {
    campaign.studies.push_back(read_study(*node.as_table(), path, campaign.studies.size() + 1));
    const std::string& name = campaign.studies.back().name;
    if (!names.insert(name).second) {
      refuse_campaign(
          fmt::format("{}: two studies are named \"{}\": name them apart", place_of(node, path), one_line(name)));
    }
  }
  return campaign;
}

}  // namespace

std::span<const SettingKey> setting_keys() {
  static const std::vector<SettingKey> keys = [] {
    const Campaign usual;
    const Timing& timing = usual.timing;
    return std::vector<SettingKey>{
        {{"name", "what the campaign, and its result file, is called", Name{}, "campaign", "", "", false},
         "",
         [](Campaign& c, const KeyValue& value) { c.name = text_of(value); }},
        {{"seed", "of all that is drawn at random", kSeeds, 1, "", "", false},
         "",
         [](Campaign& c, const KeyValue& value) { c.seed = static_cast<std::uint64_t>(whole(value)); }},
        {{"max_cases", "more cases are refused", kCaseCounts, usual.max_cases, "", "", false},
         "",
         [](Campaign& c, const KeyValue& value) { c.max_cases = whole(value); }},
        {{"threads_per_core", "threads of a rank for each core of its machine, at most", kThreadsPerCore,
          usual.threads_per_core, "", "", false},
         "",
         [](Campaign& c, const KeyValue& value) { c.threads_per_core = whole(value); }},
        {{"ranks_per_device", "ranks that share a device, at most", kRankCounts, usual.ranks_per_device, "", "", false},
         "",
         [](Campaign& c, const KeyValue& value) { c.ranks_per_device = whole(value); }},
        {{"relative_interval", "width of the median's 95 % interval, over the median, that ends the repetitions",
          kIntervals, timing.relative_interval, "", "", false},
         "timing",
         [](Campaign& c, const KeyValue& value) { c.timing.relative_interval = std::get<double>(value); }},
        {{"min_repetitions", "repetitions at least", kLeastRepetitions, timing.min_repetitions, "", "", false},
         "timing",
         [](Campaign& c, const KeyValue& value) { c.timing.min_repetitions = whole(value); }},
        {{"max_seconds", "seconds after which no repetition starts, per case", kCaseSeconds, timing.max_seconds, "", "",
          false},
         "timing",
         [](Campaign& c, const KeyValue& value) { c.timing.max_seconds = std::get<double>(value); }},
    };
  }();
  return keys;
}

const Key& study_name_key() {
  static const Key key = {"name", "what the study is called", Name{}, {}, "study1, study2, ... as they come", "",
                          false};
  return key;
}

std::vector<std::string> study_key_names() {
  std::vector<std::string> names = {std::string(study_name_key().name)};
  for (const CaseKey& key : case_keys()) names.emplace_back(key.name);
  return names;
}

std::vector<std::string> setting_key_names(std::string_view table) {
  std::vector<std::string> names;
  for (const SettingKey& key : setting_keys()) {
    if (key.table == table) names.emplace_back(key.name);
  }
  return names;
}

std::string read_campaign_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostCampaignBytes + 1, '\0');  // one more than it may have: some files have no end
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    refuse_campaign(
        fmt::format("{}: cannot be read: {}: give the path of a campaign file", one_line(path), std::strerror(errno)));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  require_reasonable_size(text, path);
  return text;
}

Campaign parse_campaign(const std::string& path, const std::string& text, const std::vector<std::string>& changes) {
  toml::table file = parse_toml(text, path);
  for (const Override& change : overrides_of_environment()) apply_override(file, change);
  for (const std::string& change : changes) apply_override(file, override_of_option(change));
  Campaign campaign = to_campaign(file, path);
  campaign.text = text;
  return campaign;
}

Campaign read_campaign(const std::string& path, const std::vector<std::string>& changes) {
  return parse_campaign(path, read_campaign_file(path), changes);
}

}  // namespace knowscale

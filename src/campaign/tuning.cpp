// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/tuning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "campaign/section.hpp"
#include "record/environment.hpp"

namespace knowscale {
namespace {

constexpr WholeNumbers kTileBytes = {1, std::int64_t{1} << 30};

OneOf names_of_rows() {
  OneOf names;
  for (const simd::RowCounts& counts : simd::kRowCounts) names.emplace_back(counts.name);
  return names;
}

OneOf names_of_precisions() {
  OneOf names;
  for (const Precision precision : kPrecisions) names.emplace_back(name_of(precision));
  return names;
}

Key key(std::string_view name, Kind kind) { return {name, "", std::move(kind), {}, "", "", false}; }

KeyValue value_of(const Section& section, const toml::table& table, const std::string& path, const Key& key) {
  if (section.find(key.name) == nullptr) {
    refuse_campaign(fmt::format("{}: a [[way]] without {}: give it, or make the file anew with knowscale tune",
                                place_of(table, path), key.name));
  }
  return section.values(key).front();
}

std::size_t index_of(const OneOf& names, const KeyValue& value) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), std::get<std::string>(value)) - names.begin());
}

TunedClass read_class(const toml::table& table, const std::string& path) {
  const Section section(table, path, "[[way]]");
  section.require_known_keys(
      {"precision", "queries", "sparsely", "in_lanes", "key_bytes", "query_bytes", "reached", "of"});
  const auto value = [&](std::string_view name, Kind kind) {
    return value_of(section, table, path, key(name, std::move(kind)));
  };
  TunedClass tuned;
  tuned.precision = kPrecisions[index_of(names_of_precisions(), value("precision", names_of_precisions()))];
  tuned.rows = index_of(names_of_rows(), value("queries", names_of_rows()));
  tuned.way = {value("sparsely", Flag{}) == KeyValue("yes"), value("in_lanes", Flag{}) == KeyValue("yes"),
               std::get<std::int64_t>(value("key_bytes", kTileBytes)),
               std::get<std::int64_t>(value("query_bytes", kTileBytes))};
  return tuned;
}

std::string name_in_paths(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_';
    if (plain) name += c;
    if (!plain && !name.empty() && name.back() != '-') name += '-';
  }
  return name;
}

}  // namespace

std::string tuning_path() {
  if (const char* given = std::getenv("KNOWSCALE_TUNING")) {
    if (*given == '\0') refuse_campaign("KNOWSCALE_TUNING: the variable is empty: give it a file or none, or unset it");
    return std::string_view(given) == "none" ? "" : given;
  }
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  std::string folder;
  if (cache != nullptr && *cache == '/') folder = cache;
  if (folder.empty() && home != nullptr && *home == '/') folder = std::string(home) + "/.cache";
  if (folder.empty()) return "";
  return fmt::format("{}/knowscale/tuning-{}-{}.toml", folder, name_in_paths(processor()), name_in_paths(build()));
}

std::string text_of(const simd::Way& way, std::size_t row_class) {
  const auto kib = [](std::int64_t bytes) { return static_cast<double>(bytes) / 1024; };
  if (row_class + 1 == simd::kRowCounts.size()) {
    return fmt::format("weights of {:.3g} KiB, queries and sums of {:.4g} KiB", kib(way.key_bytes),
                       kib(way.query_bytes));
  }
  return fmt::format("{}, {}, {:.3g} KiB of keys and values", way.sparsely ? "asks sparsely" : "asks densely",
                     way.in_lanes ? "queries in lanes" : "queries in blocks", kib(way.key_bytes));
}

std::string text_of(const Tuning& tuning) {
  std::string text = fmt::format(
      "# What kernel simd likes best here, measured by knowscale tune: {}. knowscale run takes it where processor and\n"
      "# build are these. A way may be changed by hand; KNOWSCALE_TUNING names another file, or none.\n"
      "processor = \"{}\"\nbuild = \"{}\"\n",
      tuning.measured, tuning.processor, tuning.build);
  for (const TunedClass& tuned : tuning.classes) {
    text += fmt::format(
        "\n[[way]]\nprecision = \"{}\"\nqueries = \"{}\"\nsparsely = {}\nin_lanes = {}\nkey_bytes = {}\n"
        "query_bytes = {}\nreached = {:.3f}\nof = \"{}\"\n# tried, with the speed over that of what the hardware "
        "says:\n",
        name_of(tuned.precision), simd::kRowCounts[tuned.rows].name, tuned.way.sparsely, tuned.way.in_lanes,
        tuned.way.key_bytes, tuned.way.query_bytes, tuned.reached, tuned.rate);
    for (const TriedWay& tried : tuned.tried) {
      text += fmt::format("#   {:.3f} [{:.3f}, {:.3f}]  {}\n", tried.speed, tried.low, tried.high,
                          text_of(tried.way, tuned.rows));
    }
  }
  return text;
}

Tuning parse_tuning(const std::string& text, const std::string& path) {
  const toml::table file = parse_toml(text, path);
  const Section top(file, path, "the file of knowscale tune");
  top.require_known_keys({"processor", "build", "way"});
  Tuning tuning;
  tuning.processor = text_of(top.values(key("processor", Name{})).front());
  tuning.build = text_of(top.values(key("build", Name{})).front());
  const toml::node* ways = top.find("way");
  if (ways == nullptr) return tuning;
  const toml::array* array = ways->as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::table))
    top.refuse_value("way", *ways, "make it a list of tables: [[way]]");
  for (const toml::node& node : *array) tuning.classes.push_back(read_class(*node.as_table(), path));
  return tuning;
}

}  // namespace knowscale

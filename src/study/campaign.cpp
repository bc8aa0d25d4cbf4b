// SPDX-License-Identifier: BSD-3-Clause
#include "study/campaign.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "core/error.hpp"
#include "study/names.hpp"
#include "study/overrides.hpp"

namespace knowscale {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ExitStatus::usage, message); }

std::string where(const std::string& path, const toml::node& node) {
  const toml::source_region& source = node.source();
  return source.begin.line == 0 ? path : fmt::format("{}:{}", path, source.begin.line);
}

std::string as_text(const toml::node& node) {
  std::ostringstream text;
  node.visit([&](const auto& concrete) { text << concrete; });
  return text.str();
}

// One table of the file, with the keys that may stand in it.
class Section {
 public:
  Section(const toml::table& table, std::string path, std::string name)
      : table_(table), path_(std::move(path)), name_(std::move(name)) {}

  void require_known_keys(const std::vector<std::string>& known) const {
    for (const auto& [key, node] : table_) {
      const std::string text(key.str());
      if (std::find(known.begin(), known.end(), text) == known.end()) {
        refuse(fmt::format("{}: unknown key \"{}\" in {}: {}", where(path_, node), text, name_,
                           remedy_for_name(text, known)));
      }
    }
  }

  const toml::node* find(const char* key) const { return table_.get(key); }

  [[noreturn]] void refuse_value(const char* key, const toml::node& node, const std::string& remedy) const {
    refuse(fmt::format("{}: {} = {} in {}: {}", where(path_, node), key, as_text(node), name_, remedy));
  }

  // A scalar is a list of one. read(node) returns an optional; `kind` says what it takes.
  template <class Value, class Read>
  std::vector<Value> list(const char* key, std::vector<Value> otherwise, const std::string& kind,
                          const Read& read) const {
    const toml::node* node = find(key);
    if (node == nullptr) return otherwise;
    std::vector<Value> values;
    const auto add = [&](const toml::node& element) {
      const std::optional<Value> value = read(element);
      if (!value) refuse_value(key, *node, fmt::format("give {}, or a list of them", kind));
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

  std::vector<std::string> texts(const char* key, std::vector<std::string> otherwise) const {
    return list<std::string>(key, std::move(otherwise), "a name in quotes",
                             [](const toml::node& node) { return node.value<std::string>(); });
  }

  std::vector<std::int64_t> integers(const char* key, std::vector<std::int64_t> otherwise, std::int64_t least) const {
    return list<std::int64_t>(key, std::move(otherwise), fmt::format("a whole number of at least {}", least),
                              [least](const toml::node& node) -> std::optional<std::int64_t> {
                                const auto value = node.is_integer() ? node.value<std::int64_t>() : std::nullopt;
                                return value && *value >= least ? value : std::nullopt;
                              });
  }

  // One number above `above`; whole numbers are numbers too.
  double real(const char* key, double otherwise, double above) const {
    const toml::node* node = find(key);
    if (node == nullptr) return otherwise;
    const auto value = node->value<double>();
    if (!value || !std::isfinite(*value) || *value <= above)
      refuse_value(key, *node, fmt::format("give a number above {}", above));
    return *value;
  }

  std::int64_t integer(const char* key, std::int64_t otherwise, std::int64_t least) const {
    const std::vector<std::int64_t> values = integers(key, {otherwise}, least);
    if (values.size() != 1) refuse_value(key, *find(key), "give one number, not a list");
    return values[0];
  }

  bool flag(const char* key) const {
    const toml::node* node = find(key);
    if (node == nullptr) return false;
    if (!node->is_boolean()) refuse_value(key, *node, "give true or false");
    return *node->value<bool>();
  }

  std::string text(const char* key, const std::string& otherwise) const {
    const std::vector<std::string> values = texts(key, {otherwise});
    if (values.size() != 1) refuse_value(key, *find(key), "give one name, not a list");
    return values[0];
  }

 private:
  const toml::table& table_;
  std::string path_;
  std::string name_;
};

std::vector<KnowledgeSize> read_sizes(const Section& section) {
  return section.list<KnowledgeSize>("m", {}, "a whole number of at least 0, or \"all\"",
                                     [](const toml::node& node) -> std::optional<KnowledgeSize> {
                                       if (node.value<std::string>() == "all") return AllVectors{};
                                       const auto count = node.is_integer() ? node.value<std::int64_t>() : std::nullopt;
                                       if (count && *count >= 0) return *count;
                                       return std::nullopt;
                                     });
}

// A list of values of an enumeration, by their names.
template <class Value>
std::vector<Value> read_named(const Section& section, const char* key, const std::vector<Value>& all) {
  std::string names;
  for (const Value value : all) {
    names += fmt::format("{}\"{}\"", names.empty() ? "" : value == all.back() ? " or " : ", ", name_of(value));
  }
  return section.list<Value>(key, {all.front()}, names, [&](const toml::node& node) -> std::optional<Value> {
    for (const Value value : all) {
      if (node.value<std::string>() == std::string(name_of(value))) return value;
    }
    return std::nullopt;
  });
}

std::vector<bool> read_flags(const Section& section, const char* key) {
  return section.list<bool>(key, {false}, "true or false", [](const toml::node& node) {
    return node.is_boolean() ? node.value<bool>() : std::nullopt;
  });
}

RankList read_ranks(const Section& section) {
  const toml::node* node = section.find("ranks");
  if (node == nullptr || node->value<std::string>() == "powers") return std::nullopt;
  if (node->is_string()) section.refuse_value("ranks", *node, "give a list of rank counts, or \"powers\"");
  return section.integers("ranks", {}, 1);
}

Scaling read_scaling(const Section& section) {
  const std::string text = section.text("scaling", "strong");
  for (const Scaling scaling : {Scaling::strong, Scaling::weak}) {
    if (text == name_of(scaling)) return scaling;
  }
  section.refuse_value("scaling", *section.find("scaling"), "use \"strong\" or \"weak\"");
}

std::vector<double> read_scales(const Section& section) {
  return section.list<double>("scale", {0}, "a number above 0", [](const toml::node& node) -> std::optional<double> {
    const auto value = node.value<double>();
    return value && std::isfinite(*value) && *value > 0 ? value : std::nullopt;
  });
}

Study read_study(const toml::table& table, const std::string& path, std::size_t number) {
  Section section(table, path, fmt::format("study {}", number));
  section.require_known_keys(kStudyKeys);
  Study study;
  study.name = section.text("name", fmt::format("study{}", number));
  if (section.find("model") == nullptr) {
    refuse(fmt::format("{}: study \"{}\" has no model: add model = [\"knowledge\", \"lstm\"]", where(path, table),
                       study.name));
  }
  study.knowledge = section.texts("knowledge", {"gaussian"});
  study.model = section.texts("model", {});
  study.kernel = section.texts("kernel", {"simd"});
  study.reduction = section.texts("reduction", {"packed"});
  study.precision = read_named<Precision>(section, "precision", {kPrecisions.begin(), kPrecisions.end()});
  study.n = section.integers("n", {512}, 1);
  study.m = read_sizes(section);
  study.d = section.integers("d", {0}, 1);
  study.heads = section.integers("heads", {1}, 1);
  study.kv_heads = section.integers("kv_heads", {1}, 1);
  study.hidden = section.integers("hidden", {0}, 1);
  study.batch = section.integers("batch", {1}, 1);
  study.query_block = section.integers("query_block", {0}, 1);
  study.key_block = section.integers("key_block", {0}, 1);
  study.placement =
      read_named<Placement>(section, "placement", {Placement::natural, Placement::replicated, Placement::sharded});
  study.overlap = read_flags(section, "overlap");
  study.causal = read_flags(section, "causal");
  study.sequence = read_named<Placement>(section, "sequence", {Placement::replicated, Placement::sharded});
  study.lengths = read_named<Lengths>(section, "lengths", {Lengths::equal, Lengths::random, Lengths::sentences});
  study.top_k = section.integer("top_k", 0, 0);
  study.symmetry = section.flag("symmetry");
  study.query_tile = section.integers("query_tile", {0}, 1);
  study.chunk = section.integers("chunk", {ReductionOptions{}.chunk}, 1);
  study.node_size = section.integers("node_size", {0}, 1);
  study.transport = read_named<Transport>(
      section, "transport", {Transport::host, Transport::cuda_aware, Transport::cuda_aware_forced, Transport::nccl});
  study.scale = read_scales(section);
  study.ranks = read_ranks(section);
  study.threads = section.integers("threads", {1}, 0);
  study.scaling = read_scaling(section);
  return study;
}

Campaign to_campaign(const toml::table& file, const std::string& path) {
  const Section top(file, path, "the campaign");
  top.require_known_keys(kTopKeys);
  Campaign campaign;
  campaign.name = top.text("name", "campaign");
  if (campaign.name.empty() || campaign.name.find('/') != std::string::npos)
    top.refuse_value("name", *top.find("name"), "give a name without \"/\"");
  campaign.seed = static_cast<std::uint64_t>(top.integer("seed", 1, 0));
  campaign.ranks_a_device = top.integer("ranks_a_device", 1, 1);
  if (const toml::node* node = top.find("timing")) {
    if (!node->is_table()) top.refuse_value("timing", *node, "make it a table: [timing]");
    const Section timing(*node->as_table(), path, "[timing]");
    timing.require_known_keys(kTimingKeys);
    campaign.timing.relative_interval = timing.real("relative_interval", campaign.timing.relative_interval, 0);
    campaign.timing.min_repetitions = timing.integer("min_repetitions", campaign.timing.min_repetitions, 1);
    campaign.timing.max_seconds = timing.real("max_seconds", campaign.timing.max_seconds, 0);
  }
  const toml::node* studies = top.find("study");
  const toml::array* array = studies == nullptr ? nullptr : studies->as_array();
  if (array == nullptr || array->empty() || !array->is_homogeneous(toml::node_type::table))
    refuse(path + ": no [[study]]: add at least one");
  std::set<std::string> names;
  for (const toml::node& node : *array) {
    campaign.studies.push_back(read_study(*node.as_table(), path, campaign.studies.size() + 1));
    if (!names.insert(campaign.studies.back().name).second) {
      refuse(fmt::format("{}: two studies are named \"{}\": name them apart", where(path, node),
                         campaign.studies.back().name));
    }
  }
  return campaign;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!(file && text << file.rdbuf()))
    refuse(fmt::format("{}: cannot be read: {}: give the path of a campaign file", path, std::strerror(errno)));
  return text.str();
}

}  // namespace

Campaign read_campaign(const std::string& path, const std::vector<std::string>& overrides) {
  const std::string text = read_file(path);
  toml::table file;
  try {
    file = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    refuse(fmt::format("{}:{}: {}: mend the TOML there", path, error.source().begin.line, error.description()));
  }
  for (const std::string& change : overrides_of_environment()) apply_override(file, change);
  for (const std::string& change : overrides) apply_override(file, change);
  Campaign campaign = to_campaign(file, path);
  campaign.text = text;
  return campaign;
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "study/campaign.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "core/text.hpp"
#include "study/limits.hpp"
#include "study/overrides.hpp"
#include "study/section.hpp"

namespace knowscale {
namespace {

std::vector<KnowledgeSize> read_sizes(const Section& section) {
  const std::string kind = fmt::format("a whole number of at least 0 and at most {}, or \"all\"", kCounts.most);
  return section.list<KnowledgeSize>("m", {}, kind, [](const toml::node& node) -> std::optional<KnowledgeSize> {
    if (node.value<std::string>() == "all") return AllVectors{};
    const auto count = node.is_integer() ? node.value<std::int64_t>() : std::nullopt;
    if (count && *count >= 0 && *count <= kCounts.most) return *count;
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
  return section.integers("ranks", {}, kRankCounts);
}

Scaling read_scaling(const Section& section) {
  const std::string text = section.text("scaling", "strong");
  for (const Scaling scaling : {Scaling::strong, Scaling::weak}) {
    if (text == name_of(scaling)) return scaling;
  }
  section.refuse_value("scaling", *section.find("scaling"), "use \"strong\" or \"weak\"");
}

Study read_study(const toml::table& table, const std::string& path, std::size_t number) {
  Section section(table, path, fmt::format("study {}", number));
  section.require_known_keys(kStudyKeys);
  Study study;
  study.name = section.text("name", default_study_name(number));
  if (section.find("model") == nullptr) {
    refuse_campaign(fmt::format("{}: study \"{}\" has no model: add model = [\"knowledge\", \"lstm\"]",
                                place_of(table, path), study.name));
  }
  study.knowledge = section.texts("knowledge", {"gaussian"});
  study.model = section.texts("model", {});
  study.kernel = section.texts("kernel", {"simd"});
  study.reduction = section.texts("reduction", {"packed"});
  study.precision = read_named<Precision>(section, "precision", {kPrecisions.begin(), kPrecisions.end()});
  study.n = section.integers("n", {512}, kCounts);
  study.m = read_sizes(section);
  study.d = section.integers("d", {0}, kColumns);
  study.heads = section.integers("heads", {1}, kColumns);
  study.kv_heads = section.integers("kv_heads", {1}, kColumns);
  study.hidden = section.integers("hidden", {0}, kColumns);
  study.batch = section.integers("batch", {1}, kCounts);
  study.query_block = section.integers("query_block", {0}, kBlockRows);
  study.key_block = section.integers("key_block", {0}, kBlockRows);
  study.placement =
      read_named<Placement>(section, "placement", {Placement::natural, Placement::replicated, Placement::sharded});
  study.overlap = read_flags(section, "overlap");
  study.causal = read_flags(section, "causal");
  study.sequence = read_named<Placement>(section, "sequence", {Placement::replicated, Placement::sharded});
  study.lengths = read_named<Lengths>(section, "lengths", {Lengths::equal, Lengths::random, Lengths::sentences});
  study.top_k = section.integer("top_k", 0, {0, kCounts.most});
  study.symmetry = section.flag("symmetry");
  study.query_tile = section.integers("query_tile", {0}, kCounts);
  study.chunk = section.integers("chunk", {ReductionOptions{}.chunk}, kCounts);
  study.node_size = section.integers("node_size", {0}, kRankCounts);
  study.transport = read_named<Transport>(
      section, "transport", {Transport::host, Transport::cuda_aware, Transport::cuda_aware_forced, Transport::nccl});
  study.scale = section.reals("scale", {0}, {});
  study.ranks = read_ranks(section);
  study.threads = section.integers("threads", {1}, kThreadCounts);
  study.scaling = read_scaling(section);
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

void read_timing(const Section& top, const std::string& path, Timing& to) {
  const toml::node* node = top.find("timing");
  if (node == nullptr) return;
  if (!node->is_table()) top.refuse_value("timing", *node, "make it one table: [timing]");
  const Section timing(*node->as_table(), path, "[timing]");
  timing.require_known_keys(kTimingKeys);
  to.relative_interval = timing.real("relative_interval", to.relative_interval, kIntervals);
  to.min_repetitions = timing.integer("min_repetitions", to.min_repetitions, kLeastRepetitions);
  to.max_seconds = timing.real("max_seconds", to.max_seconds, kCaseSeconds);
}

Campaign to_campaign(const toml::table& file, const std::string& path) {
  const Section top(file, path, "the campaign");
  top.require_known_keys(kTopKeys);
  Campaign campaign;
  campaign.name = top.text("name", "campaign");
  if (campaign.name.find('/') != std::string::npos)
    top.refuse_value("name", *top.find("name"), "give a name without \"/\"");
  campaign.seed = static_cast<std::uint64_t>(top.integer("seed", 1, kSeeds));
  campaign.ranks_a_device = top.integer("ranks_a_device", 1, kRankCounts);
  campaign.threads_a_core = top.integer("threads_a_core", campaign.threads_a_core, kThreadsACore);
  campaign.max_cases = top.integer("max_cases", campaign.max_cases, kCaseCounts);
  read_timing(top, path, campaign.timing);
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

}  // namespace

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
  require_reasonable_size(text, path);
  toml::table file;
  try {
    file = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    refuse_campaign(
        fmt::format("{}:{}: {}: mend the TOML there", path, error.source().begin.line, one_line(error.description())));
  }
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

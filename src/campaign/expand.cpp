// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/expand.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <set>
#include <utility>

#include "campaign/axes.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace knowscale {
namespace {

constexpr std::int64_t kMostLengths = 100'000'000;  // of sequences, listed in the cases of a study

// Lists that a model does not use would repeat its cases: each is kept once.
void add_cases(const Study& study, Axes& axes, std::vector<Case>& all) {
  std::set<std::string> seen;
  std::int64_t lengths = 0;
  axes.for_cases([&](const Case& c) {
    if (!seen.insert(identity_of(c)).second) return;
    lengths += static_cast<std::int64_t>(c.unequal.size());
    if (lengths > kMostLengths) {
      throw Error(ExitStatus::usage,
                  fmt::format("study \"{}\": its cases list more than {} lengths of sequences: use fewer cases, a "
                              "smaller batch, or lengths = \"equal\"",
                              one_line(study.name), kMostLengths));
    }
    all.push_back(c);
    all.back().number = static_cast<std::int64_t>(all.size());
  });
}

}  // namespace

std::vector<Case> expand(const Campaign& campaign, const ExpansionContext& context) {
  std::vector<Axes> studies;
  double count = 0;
  for (const Study& study : campaign.studies) count += studies.emplace_back(campaign, study, context).count();
  if (count > static_cast<double>(campaign.max_cases)) {
    throw Error(ExitStatus::usage,
                fmt::format("the campaign stands for {:.15g} cases, and max_cases = {}: shorten its lists, or raise "
                            "max_cases at the top of the campaign (--set max_cases=N), to {} at most",
                            count, campaign.max_cases, kCaseCounts.most));
  }
  std::vector<Case> all;
  for (std::size_t i = 0; i < studies.size(); ++i) add_cases(campaign.studies[i], studies[i], all);
  return all;
}

std::string config_hash(const Campaign& campaign, const std::vector<Case>& cases,
                        const std::vector<std::string>& files) {
  std::string text = fmt::format("{}|{}|{}|{}\n", campaign.name, campaign.timing.relative_interval,
                                 campaign.timing.min_repetitions, campaign.timing.max_seconds);
  for (const std::string& digest : files) text += digest + '\n';
  for (const Case& c : cases) text += identity_of(c) + '\n';
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace knowscale

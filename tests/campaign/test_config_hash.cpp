// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include "campaign/small_study.hpp"

namespace knowscale {
namespace {

TEST(ConfigHash, ChangesWithEverythingThatDecidesResults) {
  Campaign campaign;
  campaign.name = "x";
  const std::vector<Case> cases = cases_of(small_study());
  const std::string before = config_hash(campaign, cases);
  EXPECT_EQ(before.size(), 32U);
  EXPECT_EQ(config_hash(campaign, cases), before);
  Campaign other = campaign;
  other.text = "# a comment";
  EXPECT_EQ(config_hash(other, cases), before);
  other.timing.max_seconds += 1;
  EXPECT_NE(config_hash(other, cases), before);
  void (*const changes[])(Case&) = {
      [](Case& c) { c.study = "t"; },
      [](Case& c) { c.knowledge = "sphere"; },
      [](Case& c) { c.model = "lstm"; },
      [](Case& c) { c.kernel = "x"; },
      [](Case& c) { c.reduction = "x"; },
      [](Case& c) { c.precision = Precision::f64; },
      [](Case& c) { c.n = 9; },
      [](Case& c) { c.m = 9; },
      [](Case& c) { c.d = 9; },
      [](Case& c) { c.heads = 9; },
      [](Case& c) { c.kv_heads = 9; },
      [](Case& c) { c.hidden = 9; },
      [](Case& c) { c.scale = 9; },
      [](Case& c) { c.batch = 9; },
      [](Case& c) { c.ranks = 9; },
      [](Case& c) { c.threads = 9; },
      [](Case& c) { c.scaling = Scaling::weak; },
      [](Case& c) { c.seed = 9; },
      [](Case& c) { c.tiles.queries = 9; },
      [](Case& c) { c.options.placement = Placement::sharded; },
      [](Case& c) { c.options.overlap = true; },
      [](Case& c) { c.options.query_tile = 9; },
      [](Case& c) { c.options.chunk = 9; },
      [](Case& c) { c.options.node_size = 9; },
      [](Case& c) { c.causal = true; },
      [](Case& c) { c.sequence = Placement::sharded; },
      [](Case& c) { c.unequal = {3}; },
      [](Case& c) { c.top_k = 9; },
      [](Case& c) { c.symmetry = true; },
  };
  for (const auto change : changes) {
    std::vector<Case> changed = cases;
    change(changed[0]);
    EXPECT_NE(config_hash(campaign, changed), before);
  }
}

TEST(ConfigHash, TellsCasesApartWhoseNamesHoldWhatLooksLikeAKey) {
  const Campaign campaign;
  std::vector<Case> one(1), other(1);
  one[0].tag = "a|knowledge=b";
  other[0].tag = "a";
  other[0].knowledge = "b|knowledge=gaussian";
  EXPECT_NE(config_hash(campaign, one), config_hash(campaign, other));
}

TEST(ConfigHash, SeesWhatKnowledgeFilesHold) {
  const Campaign campaign;
  const std::vector<Case> cases(1);
  EXPECT_EQ(config_hash(campaign, cases, {"a"}), config_hash(campaign, cases, {"a"}));
  EXPECT_NE(config_hash(campaign, cases, {"a"}), config_hash(campaign, cases, {"b"}));
  EXPECT_NE(config_hash(campaign, cases, {"a"}), config_hash(campaign, cases));
}

}  // namespace
}  // namespace knowscale

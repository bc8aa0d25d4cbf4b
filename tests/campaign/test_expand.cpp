// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/expand.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "campaign/small_study.hpp"
#include "models/cost.hpp"

namespace knowscale {
namespace {

TEST(Expand, IsTheProductOfTheListsNumberedWithRanksInnermost) {
  Study s = small_study();
  s["kernel"] = {"reference", "blas"};
  s["reduction"] = {"packed", "two_phase"};
  s["m"] = {10, 20};
  s["ranks"] = {1, 2};
  const std::vector<Case> cases = cases_of(s);
  ASSERT_EQ(cases.size(), 16U);
  for (std::size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(cases[i].number, static_cast<std::int64_t>(i) + 1);
  EXPECT_EQ(cases[0].ranks, 1);
  EXPECT_EQ(cases[1].ranks, 2);
  EXPECT_EQ(cases[2].m, 20);
  EXPECT_EQ(cases[4].reduction, "two_phase");
  EXPECT_EQ(cases[8].kernel, "blas");
}

TEST(Expand, WhatAModelDoesNotUseDoesNotMultiplyItsCases) {
  Study s = small_study();
  s["model"] = {"lstm"};
  s["kernel"] = {"reference", "blas"};
  s["reduction"] = {"packed", "two_phase"};
  s["heads"] = {1, 2};
  s["scale"] = {0.1, 0.2};
  const std::vector<Case> cases = cases_of(s);
  ASSERT_EQ(cases.size(), 1U);
  EXPECT_EQ(cases[0].kernel, kUnused);
  EXPECT_EQ(cases[0].reduction, kUnused);
  EXPECT_EQ(cases[0].heads, 0);
  EXPECT_EQ(cases[0].hidden, 64) << "the width, unless the campaign says otherwise";
}

TEST(Expand, ATagMakesCasesOfItsOwnAndAColumn) {
  Study s = small_study();
  s["tag"] = {"before", "after"};
  const std::vector<Case> cases = cases_of(s);
  ASSERT_EQ(cases.size(), 2U);
  EXPECT_EQ(cases[1].tag, "after");
  const std::vector<Column> columns = case_columns(cases[1]);
  const auto tag =
      std::find_if(columns.begin(), columns.end(), [](const Column& column) { return column.name == "tag"; });
  ASSERT_NE(tag, columns.end());
  EXPECT_EQ(std::get<std::vector<std::string>>(tag->values), std::vector<std::string>{"after"});
  EXPECT_NE(case_label(cases[1]).find("tag after"), std::string::npos);
}

TEST(Expand, ValuesGivenTwiceMakeOneCase) {
  Study s = small_study();
  s["n"] = {8, 8};
  s["ranks"] = {1, 1};
  EXPECT_EQ(cases_of(s).size(), 1U);
}

TEST(Expand, ResolvesScaleThreadsAndWidth) {
  Study s = small_study();
  s["heads"] = {4};
  s["kv_heads"] = {2};
  s["threads"] = {0};
  const Case c = cases_of(s)[0];
  EXPECT_EQ(c.d, 64);
  EXPECT_DOUBLE_EQ(c.scale, 0.25);
  EXPECT_EQ(c.threads, 3);
  EXPECT_EQ(c.hidden, 0);
}

TEST(Expand, PowersAreOneTwoFourAndTheNumberLaunched) {
  Study s = small_study();
  s["ranks"] = {"powers"};
  ExpansionContext c = four_ranks();
  c.launched_ranks = 6;
  std::vector<int> ranks;
  for (const Case& one : cases_of(s, c)) ranks.push_back(one.ranks);
  EXPECT_EQ(ranks, (std::vector<int>{1, 2, 4, 6}));
}

TEST(Expand, TheCommandLinesRanksWin) {
  ExpansionContext c = four_ranks();
  c.ranks_override = std::vector<std::int64_t>{3};
  EXPECT_EQ(cases_of(small_study(), c)[0].ranks, 3);
}

TEST(Expand, WeakScalingGivesEveryRankItsShare) {
  Study s = small_study();
  s["scaling"] = {"weak"};
  s["ranks"] = {1, 4};
  const std::vector<Case> cases = cases_of(s);
  EXPECT_EQ(cases[0].m, 100);
  EXPECT_EQ(cases[1].m, 400);
}

TEST(Expand, AFileGivesItsOwnSizeAndWidth) {
  Study s = small_study();
  s["knowledge"] = {"set.h5"};
  s["m"] = {KeyValue()};
  const Case c = cases_of(s)[0];
  EXPECT_EQ(c.knowledge, "found/set.h5");
  EXPECT_EQ(c.m, 1000);
  EXPECT_EQ(c.d, 96);
}

TEST(Expand, GivesEveryModelWhatItUses) {
  Study s = small_study();
  s["model"] = {"self", "linear", "transformer", "lstm", "joint"};
  s["reduction"] = {"packed", "tree"};
  s["placement"] = {"natural", "replicated"};
  s["top_k"] = {3};
  const std::vector<Case> cases = cases_of(s);
  ASSERT_EQ(cases.size(), 4U + 2 + 4 + 2 + 4);
  EXPECT_EQ(cases[0].knowledge, kUnused);  // self reads none
  EXPECT_EQ(cases[0].m, 0);
  EXPECT_EQ(cases[0].top_k, 0);
  EXPECT_GT(cases[0].scale, 0);
  EXPECT_EQ(cases[4].model, "linear");
  EXPECT_EQ(cases[4].reduction, kUnused);
  EXPECT_EQ(cases[4].heads, 1);
  EXPECT_EQ(cases[4].scale, 0);
  EXPECT_EQ(cases[5].options.placement, Placement::replicated);
  EXPECT_TRUE(cases[6].projected);
  EXPECT_EQ(cases[6].knowledge_dim(), 64);
  EXPECT_EQ(cases[6].top_k, 3);
  EXPECT_EQ(cases[10].heads, 0);
  EXPECT_FALSE(cases[12].projected);
}

TEST(Expand, ResolvesTheLengthsOfSequences) {
  Study s = small_study();
  s["n"] = {7};
  s["batch"] = {5};
  s["lengths"] = {"random"};
  const Case drawn = cases_of(s)[0];
  ASSERT_EQ(drawn.unequal.size(), 5U);
  EXPECT_EQ(drawn.unequal[0], 7);
  for (const std::int64_t length : drawn.unequal) EXPECT_TRUE(1 <= length && length <= 7) << length;
  EXPECT_EQ(cases_of(s)[0].unequal, drawn.unequal);
  EXPECT_EQ(drawn.sequences().back().end, drawn.tokens());

  s["knowledge"] = {"set.h5"};
  s["lengths"] = {"sentences"};
  ExpansionContext c = four_ranks();
  c.open_knowledge = [](const std::string& path) { return KnowledgeExtent{path, 1000, 96, 3}; };
  c.sentence_lengths = [](const std::string&, std::int64_t) { return std::vector<std::int64_t>{9, 2, 4}; };
  EXPECT_EQ(cases_of(s, c)[0].unequal, (std::vector<std::int64_t>{7, 2, 4, 7, 2}));
}

TEST(Expand, KeepsOfTheOptionsOfExchangeWhatTheReductionHeeds) {
  Study s = small_study();
  s["reduction"] = {"packed", "ring", "reproducible", "hierarchical", "auto"};
  s["overlap"] = {"no", "yes"};
  s["query_tile"] = {7};
  s["chunk"] = {32};
  ExpansionContext c = four_ranks();
  c.ranks_per_node = 3;
  const std::vector<Case> cases = cases_of(s, c);
  ASSERT_EQ(cases.size(), 10U);
  const auto expect = [&](std::size_t i, std::int64_t tile, std::int64_t chunk, int node_size) {
    EXPECT_EQ(cases[i].options.query_tile, tile) << cases[i].reduction;
    EXPECT_EQ(cases[i].options.chunk, chunk) << cases[i].reduction;
    EXPECT_EQ(cases[i].options.node_size, node_size) << cases[i].reduction;
    EXPECT_EQ(cases[i].options.overlap, i % 2 == 1);
  };
  for (const std::size_t form : {0, 1}) {
    expect(form, 7, 0, 0);       // packed
    expect(2 + form, 0, 0, 0);   // ring
    expect(4 + form, 7, 32, 0);  // reproducible
    expect(6 + form, 7, 0, 3);   // hierarchical
    expect(8 + form, 7, 32, 3);  // auto may become any of them
  }
  s["model"] = {"lstm"};
  EXPECT_EQ(cases_of(s, c).size(), 1U);
}

// A case says all that its cost follows from: no file is opened for it.
TEST(Expand, ACaseKnowsWhetherItsFileHasValues) {
  ExpansionContext c = four_ranks();
  Study s = small_study();
  s["knowledge"] = {"set.h5"};
  double bytes[2];
  for (const bool has_values : {false, true}) {
    c.open_knowledge = [has_values](const std::string& path) {
      return KnowledgeExtent{"nowhere/" + path, 1000, 64, 0, has_values};
    };
    const Case one = cases_of(s, c)[0];
    EXPECT_EQ(one.has_separate_values(), has_values);
    bytes[has_values ? 1 : 0] = cost_of(one, model_by_name("knowledge").structure, backend_of(one)).bytes_read;
  }
  EXPECT_EQ(bytes[1], 2 * bytes[0]);
}

TEST(ShippedCampaigns, ExpandForAnyNumberOfRanks) {
  for (const char* name : {"quickstart", "strong", "weak", "models", "reductions"}) {
    const Campaign campaign =
        read_campaign(std::string(KNOWSCALE_SOURCE_DIR) + "/bench/campaigns/" + name + ".toml", {});
    ExpansionContext c = four_ranks();
    c.open_knowledge = [](const std::string& path) { return KnowledgeExtent{path, 117659, 128, 48322}; };
    c.sentence_lengths = [](const std::string&, std::int64_t) { return std::vector<std::int64_t>{9, 11}; };
    EXPECT_EQ(campaign.name, name);
    EXPECT_GE(expand(campaign, c).size(), 6U) << name;
  }
}

}  // namespace
}  // namespace knowscale

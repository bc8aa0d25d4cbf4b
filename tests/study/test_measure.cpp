// SPDX-License-Identifier: BSD-3-Clause
#include "study/measure.hpp"

#include <gtest/gtest.h>

namespace knowscale {
namespace {

TEST(Summarise, SplitsARepetitionOfUnequalRanks) {
  // Rank 1 computes longest; everybody ends at 10.
  const std::vector<RankSample> ranks = {{100.0, 10, 4, 0}, {100.5, 10, 8, 0}};
  const Sample sample = summarise(ranks);
  EXPECT_DOUBLE_EQ(sample.seconds, 10);
  EXPECT_DOUBLE_EQ(sample.compute, 6);
  EXPECT_DOUBLE_EQ(sample.wait, 2);
  EXPECT_DOUBLE_EQ(sample.exchange, 2);
  EXPECT_DOUBLE_EQ(sample.skew, 0.5);
  EXPECT_DOUBLE_EQ(wait_of(ranks, 0), 4);
  EXPECT_DOUBLE_EQ(wait_of(ranks, 1), 0);
}

TEST(Summarise, CountsAPipelinesPredecessorsAsWaiting) {
  // A chain: rank 0 computes 3, rank 1 waits for it, then computes 3.
  const std::vector<RankSample> ranks = {{0, 7, 3, 0}, {0, 7, 3, 3}};
  const Sample sample = summarise(ranks);
  EXPECT_DOUBLE_EQ(sample.compute, 3);
  EXPECT_DOUBLE_EQ(sample.wait, 3);
  EXPECT_DOUBLE_EQ(sample.exchange, 1);
}

TEST(Summarise, OneRankOnlyComputes) {
  const Sample sample = summarise({{5, 2, 2, 0}});
  EXPECT_DOUBLE_EQ(sample.compute, 2);
  EXPECT_DOUBLE_EQ(sample.wait, 0);
  EXPECT_DOUBLE_EQ(sample.exchange, 0);
  EXPECT_DOUBLE_EQ(sample.skew, 0);
}

}  // namespace
}  // namespace knowscale

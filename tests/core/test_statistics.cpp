// SPDX-License-Identifier: BSD-3-Clause
#include "core/statistics.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace knowscale {
namespace {

std::vector<double> one_to(int n) {
  std::vector<double> samples(static_cast<std::size_t>(n));
  std::iota(samples.rbegin(), samples.rend(), 1.0);  // not sorted
  return samples;
}

TEST(Statistics, QuantilesInterpolateBetweenOrderStatistics) {
  EXPECT_DOUBLE_EQ(quantile(one_to(5), 0.5), 3);
  EXPECT_DOUBLE_EQ(quantile(one_to(4), 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(one_to(5), 0.0), 1);
  EXPECT_DOUBLE_EQ(quantile(one_to(5), 1.0), 5);
  EXPECT_DOUBLE_EQ(quantile(one_to(11), 0.05), 1.5);
}

// Ranks from tables of the binomial distribution (e.g. Conover, Practical Nonparametric Statistics).
TEST(Statistics, MedianIntervalTakesTheRanksOfTheBinomialTable) {
  const struct {
    int n;
    double low, high;
  } table[] = {{6, 1, 6}, {8, 1, 8}, {9, 2, 8}, {10, 2, 9}, {20, 6, 15}, {30, 10, 21}, {50, 18, 33}, {100, 40, 61}};
  for (const auto& row : table) {
    const MedianInterval interval = median_interval(one_to(row.n));
    EXPECT_EQ(interval.low, row.low) << row.n;
    EXPECT_EQ(interval.high, row.high) << row.n;
    EXPECT_TRUE(interval.bounded);
  }
}

TEST(Statistics, FewerThanSixSamplesBoundNothing) {
  for (int n = 1; n <= 5; ++n) {
    const MedianInterval interval = median_interval(one_to(n));
    EXPECT_FALSE(interval.bounded);
    EXPECT_EQ(interval.low, 1);
    EXPECT_EQ(interval.high, n);
  }
}

}  // namespace
}  // namespace knowscale

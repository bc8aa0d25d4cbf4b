// SPDX-License-Identifier: BSD-3-Clause
#include "problem/synthetic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace knowscale {
namespace {

Case case_of(const std::string& knowledge) {
  Case c;
  c.knowledge = knowledge;
  c.m = 500;
  c.d = 32;
  c.heads = 2;
  c.kv_heads = 2;
  c.scale = 0.25;
  return c;
}

std::vector<double> key(const Case& c, std::int64_t row) {
  std::vector<double> out(static_cast<std::size_t>(c.knowledge_dim()));
  fill_key_row(c, row, out);
  return out;
}

std::vector<double> query(const Case& c, std::int64_t row) {
  std::vector<double> out(static_cast<std::size_t>(c.d));
  fill_query_row(c, row, out);
  return out;
}

double score(const Case& c, std::int64_t q, std::int64_t k) {
  const std::vector<double> x = query(c, q), z = key(c, k);
  double sum = 0;
  for (std::size_t j = 0; j < 16; ++j) sum += x[j] * z[j];
  return c.scale * sum;
}

TEST(Synthetic, SphereKeysHaveUnitLengthInEveryHead) {
  const Case c = case_of("sphere");
  for (std::int64_t row = 0; row < 20; ++row) {
    const std::vector<double> z = key(c, row);
    for (std::size_t head = 0; head < 2; ++head) {
      double square = 0;
      for (std::size_t j = 0; j < 16; ++j) square += z[head * 16 + j] * z[head * 16 + j];
      EXPECT_NEAR(square, 1, 1e-12);
    }
  }
}

TEST(Synthetic, ClusteredKeysLieNearFewCentres) {
  const Case c = case_of("clustered");
  int pairs_within = 0;
  for (std::int64_t a = 0; a < 200; ++a) {
    for (std::int64_t b = a + 1; b < 200; ++b) {
      double square = 0;
      const std::vector<double> x = key(c, a), y = key(c, b);
      for (std::size_t j = 0; j < x.size(); ++j) square += (x[j] - y[j]) * (x[j] - y[j]);
      if (square < 2)
        ++pairs_within;  // same centre: 2 * 0.01 * 32 = 0.64 expected
      else
        EXPECT_GT(square, 10) << a << ' ' << b;  // other centre: 64 expected
    }
  }
  EXPECT_NEAR(pairs_within, 200 * 199 / 2 / 64, 150);
}

TEST(Synthetic, OneKeyDominatesEveryQuery) {
  const Case c = case_of("dominating");
  for (std::int64_t q = 0; q < 50; ++q) {
    std::vector<double> scores;
    for (std::int64_t k = 0; k < c.m; ++k) scores.push_back(score(c, q, k));
    std::sort(scores.rbegin(), scores.rend());
    EXPECT_GT(scores[0], scores[1] + 50);
  }
}

TEST(Synthetic, LargeScoresReachHundredThousand) {
  const Case c = case_of("large_scores");
  double largest = 0;
  for (std::int64_t k = 0; k < c.m; ++k) largest = std::max(largest, std::abs(score(c, 0, k)));
  EXPECT_GT(largest, 1e5);
  EXPECT_LT(largest, 1e6);
}

TEST(Synthetic, ValuesAreNotTheKeysAndSeedsDiffer) {
  Case c = case_of("gaussian");
  std::vector<double> value(32);
  fill_value_row(c, 3, value);
  EXPECT_NE(value, key(c, 3));
  const std::vector<double> before = key(c, 3);
  c.seed = 2;
  EXPECT_NE(before, key(c, 3));
}

TEST(Synthetic, NamesAreTheOnesListed) {
  for (const std::string& name : generator_names()) EXPECT_TRUE(is_generator(name));
  EXPECT_FALSE(is_generator("gausian"));
  EXPECT_EQ(generator_names().size(), 5U);
}

}  // namespace
}  // namespace knowscale

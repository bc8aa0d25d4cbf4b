// SPDX-License-Identifier: BSD-3-Clause
#include "core/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace knowscale {
namespace {

std::vector<double> normal_row(std::uint64_t seed, Draw draw, std::int64_t row, std::size_t width) {
  std::vector<double> out(width);
  fill_normal(seed, draw, row, out);
  return out;
}

// The known-answer test of Random123's philox4x64_10 for counter and key 0 (kat_vectors of that library).
TEST(Random, PhiloxMatchesItsKnownAnswer) {
  const auto words = random_words(0, static_cast<Draw>(0), 0, 0);
  EXPECT_EQ(words[0], 0x16554d9eca36314cU);
  EXPECT_EQ(words[1], 0xdb20fe9d672d0fdcU);
  EXPECT_EQ(words[2], 0xd7e772cee186176bU);
  EXPECT_EQ(words[3], 0x7e68b68aec7ba23bU);
}

TEST(Random, AnElementDependsOnItsIndexAloneAndNotOnTheRowsWidth) {
  const std::vector<double> narrow = normal_row(7, Draw::keys, 3, 5), wide = normal_row(7, Draw::keys, 3, 64);
  for (std::size_t j = 0; j < narrow.size(); ++j) EXPECT_EQ(narrow[j], wide[j]);
}

TEST(Random, RowsStreamsAndSeedsDiffer) {
  const std::vector<double> base = normal_row(1, Draw::keys, 0, 8);
  EXPECT_NE(base, normal_row(2, Draw::keys, 0, 8));
  EXPECT_NE(base, normal_row(1, Draw::values, 0, 8));
  EXPECT_NE(base, normal_row(1, Draw::keys, 1, 8));
}

TEST(Random, NormalNumbersHaveTheMomentsOfOne) {
  double sum = 0, square = 0, fourth = 0;
  constexpr int rows = 2000, width = 50;
  for (int row = 0; row < rows; ++row) {
    for (const double x : normal_row(5, Draw::queries, row, width)) {
      sum += x;
      square += x * x;
      fourth += x * x * x * x;
    }
  }
  constexpr double count = rows * width;
  EXPECT_NEAR(sum / count, 0, 5 / std::sqrt(count));
  EXPECT_NEAR(square / count, 1, 5 * std::sqrt(2 / count));
  EXPECT_NEAR(fourth / count, 3, 5 * std::sqrt(96 / count));
}

TEST(Random, UniformNumbersFillTheirInterval) {
  double lowest = 1, highest = -1, sum = 0;
  std::vector<double> row(1000);
  for (int i = 0; i < 100; ++i) {
    fill_uniform(9, Draw::weights, i, row);
    for (const double x : row) {
      ASSERT_LT(std::abs(x), 1.0);
      lowest = std::min(lowest, x);
      highest = std::max(highest, x);
      sum += x;
    }
  }
  EXPECT_LT(lowest, -0.999);
  EXPECT_GT(highest, 0.999);
  EXPECT_NEAR(sum / 1e5, 0, 5 / std::sqrt(3e5));
}

}  // namespace
}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "core/fixed_point.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/random.hpp"

namespace knowscale {
namespace {

std::vector<double> numbers(std::size_t count, double largest) {
  std::vector<double> all(count);
  fill_uniform(3, Draw::samples, 0, all);
  for (double& x : all) x *= largest;
  return all;
}

double sum_of(const std::vector<double>& all, double largest) {
  const FixedPoint format(largest, static_cast<std::int64_t>(all.size()));
  std::int64_t high = 0, low = 0;
  for (const double x : all) format.add(x, high, low);
  return format.value(high, low);
}

TEST(FixedPoint, SumsDoNotDependOnTheOrder) {
  for (const double largest : {1e-30, 0.7, 1e20}) {
    std::vector<double> all = numbers(5000, largest);
    const double sum = sum_of(all, largest);
    std::sort(all.begin(), all.end());
    EXPECT_EQ(sum_of(all, largest), sum);
    std::reverse(all.begin(), all.end());
    EXPECT_EQ(sum_of(all, largest), sum);
  }
}

TEST(FixedPoint, IsAsExactAsDoubles) {
  const std::vector<double> all = numbers(100000, 3);
  long double exact = 0;
  for (const double x : all) exact += x;
  EXPECT_NEAR(sum_of(all, 3), static_cast<double>(exact), 1e-12);
}

TEST(FixedPoint, HoldsAsManyOfTheLargestAsItSays) {
  const std::vector<double> all(std::size_t{1} << 20, -1.0);
  EXPECT_EQ(sum_of(all, 1), -static_cast<double>(1 << 20));
}

}  // namespace
}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// The laws of the merge.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/random.hpp"
#include "kernels/partial.hpp"

namespace knowscale {
namespace {

constexpr HeadShape kShape = {2, 1, 5, 3};
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Partial<double> random_state(std::int64_t row) {
  Partial<double> state(4, kShape);
  const MatrixView<double> rows = state.rows();
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    fill_normal(3, Draw::samples, row * 100 + i, {rows.row(i), static_cast<std::size_t>(rows.cols)});
    rows(i, 3) = std::abs(rows(i, 3)) + 1;
    rows(i, 4) *= 10;
  }
  return state;
}

Partial<double> copy(const Partial<double>& from) {
  Partial<double> to(from.queries(), kShape);
  std::copy_n(from.rows().data, from.rows().size(), to.rows().data);
  return to;
}

void expect_same(const Partial<double>& a, const Partial<double>& b, double tolerance) {
  for (std::int64_t i = 0; i < a.rows().size(); ++i) EXPECT_NEAR(a.rows().data[i], b.rows().data[i], tolerance);
}

TEST(Merge, IdentityChangesNothingOnEitherSide) {
  const Partial<double> state = random_state(1);
  Partial<double> left = copy(state), right(4, kShape);
  merge<double>(left.rows(), Partial<double>(4, kShape).rows());
  merge<double>(right.rows(), state.rows());
  expect_same(left, state, 0);
  expect_same(right, state, 0);
}

TEST(Merge, TwoIdentitiesGiveTheIdentityWithoutNaN) {
  Partial<double> a(4, kShape);
  merge<double>(a.rows(), Partial<double>(4, kShape).rows());
  for (std::int64_t i = 0; i < a.row_count(); ++i) {
    EXPECT_EQ(a.rows()(i, 0), 0);
    EXPECT_EQ(a.rows()(i, 3), 0);
    EXPECT_EQ(a.rows()(i, 4), -kInfinity);
  }
  Matrix<double> out(a.row_count(), 3);
  normalise<double>(a.rows(), out.view());
  for (const double x : out.span()) EXPECT_EQ(x, 0);
}

TEST(Merge, CommutesToTheBit) {
  Partial<double> ab = random_state(1), ba = random_state(2);
  merge<double>(ab.rows(), random_state(2).rows());
  merge<double>(ba.rows(), random_state(1).rows());
  expect_same(ab, ba, 0);
}

TEST(Merge, IsAssociativeUpToRounding) {
  Partial<double> left = random_state(1), right = random_state(2), first = random_state(1);
  merge<double>(left.rows(), random_state(2).rows());
  merge<double>(left.rows(), random_state(3).rows());
  merge<double>(right.rows(), random_state(3).rows());
  merge<double>(first.rows(), right.rows());
  expect_same(left, first, 1e-13);
}

TEST(Merge, MatchesTheLogSumExpFormula) {
  Partial<double> a = random_state(1);
  const Partial<double> b = random_state(2), before = copy(a);
  merge<double>(a.rows(), b.rows());
  const auto lse = [](const Partial<double>& s, std::int64_t i) { return s.rows()(i, 4) + std::log(s.rows()(i, 3)); };
  for (std::int64_t i = 0; i < a.row_count(); ++i) {
    const double x = lse(before, i), y = lse(b, i), merged = std::max(x, y) + std::log1p(std::exp(-std::abs(x - y)));
    EXPECT_NEAR(lse(a, i), merged, 1e-12);
    const double out = std::exp(x - merged) * before.rows()(i, 0) / before.rows()(i, 3) +
                       std::exp(y - merged) * b.rows()(i, 0) / b.rows()(i, 3);
    EXPECT_NEAR(a.rows()(i, 0) / a.rows()(i, 3), out, 1e-12);
  }
}

TEST(Rescale, KeepsTheQuotientAndSetsTheMaximum) {
  Partial<double> state = random_state(1);
  const Partial<double> before = copy(state);
  const std::vector<double> maxima(static_cast<std::size_t>(state.row_count()), 40.0);
  rescale<double>(state.rows(), maxima);
  for (std::int64_t i = 0; i < state.row_count(); ++i) {
    EXPECT_EQ(state.rows()(i, 4), 40);
    EXPECT_NEAR(state.rows()(i, 1) / state.rows()(i, 3), before.rows()(i, 1) / before.rows()(i, 3), 1e-12);
    EXPECT_NEAR(state.rows()(i, 3), before.rows()(i, 3) * std::exp(before.rows()(i, 4) - 40), 1e-12);
  }
}

TEST(Rescale, LeavesTheIdentityFreeOfNaN) {
  Partial<double> state(1, kShape);
  const std::vector<double> maxima = {-kInfinity, 3.0};
  rescale<double>(state.rows(), maxima);
  for (std::int64_t i = 0; i < 2; ++i) {
    for (std::int64_t j = 0; j < 4; ++j) EXPECT_EQ(state.rows()(i, j), 0);
  }
}

}  // namespace
}  // namespace knowscale

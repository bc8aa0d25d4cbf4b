// SPDX-License-Identifier: BSD-3-Clause
#include "truth/orthogonal.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "truth/representation.hpp"

namespace knowscale {
namespace {

double determinant(Matrix<double> a) {
  double product = 1;
  for (std::int64_t k = 0; k < a.rows(); ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k; i < a.rows(); ++i) {
      if (std::abs(a(i, k)) > std::abs(a(pivot, k))) pivot = i;
    }
    if (pivot != k) {
      for (std::int64_t j = 0; j < a.cols(); ++j) std::swap(a(k, j), a(pivot, j));
      product = -product;
    }
    product *= a(k, k);
    for (std::int64_t i = k + 1; i < a.rows(); ++i) {
      const double factor = a(i, k) / a(k, k);
      for (std::int64_t j = k; j < a.cols(); ++j) a(i, j) -= factor * a(k, j);
    }
  }
  return product;
}

void expect_orthogonal(const Matrix<double>& q, double tolerance) {
  for (std::int64_t i = 0; i < q.rows(); ++i) {
    for (std::int64_t j = 0; j < q.rows(); ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < q.cols(); ++k) sum += q(i, k) * q(j, k);
      EXPECT_NEAR(sum, i == j ? 1 : 0, tolerance);
    }
  }
}

TEST(Haar, DrawsOrthogonalMatricesOfBothDeterminants) {
  int positive = 0, negative = 0;
  for (std::int64_t draw = 0; draw < 8; ++draw) {
    Matrix<double> q = haar(9, 5, draw);
    expect_orthogonal(q, 1e-14);
    const double d = determinant(std::move(q));
    EXPECT_NEAR(std::abs(d), 1, 1e-13);
    (d > 0 ? positive : negative) += 1;
  }
  EXPECT_GT(positive, 0);
  EXPECT_GT(negative, 0);
}

// E tr(Q)^2 = 1 and E tr(Q) = 0 under the Haar measure of O(d).
TEST(Haar, HasTheMomentsOfTheMeasure) {
  double sum = 0, squares = 0;
  const int draws = 4000;
  for (std::int64_t draw = 0; draw < draws; ++draw) {
    const Matrix<double> q = haar(4, 11, draw);
    double trace = 0;
    for (std::int64_t i = 0; i < 4; ++i) trace += q(i, i);
    sum += trace;
    squares += trace * trace;
  }
  EXPECT_NEAR(sum / draws, 0, 5 / std::sqrt(draws));
  EXPECT_NEAR(squares / draws, 1, 10 / std::sqrt(draws));
}

TEST(SignedPermutation, IsOrthogonalToTheBitAndNotTheIdentity) {
  for (std::int64_t draw = 0; draw < 4; ++draw) {
    const Matrix<double> q = signed_permutation(12, 3, draw);
    expect_orthogonal(q, 0);
    double trace = 0;
    for (std::int64_t i = 0; i < 12; ++i) trace += q(i, i);
    EXPECT_LT(trace, 12);
  }
}

TEST(LeastSquares, LeavesWhatIsOutsideTheSpan) {
  Matrix<double> basis(2, 3), targets(2, 3);
  const double numbers[] = {1, 1, 0, 1, -1, 0}, wanted[] = {3, 5, 0, 0, 3, 4};
  std::copy_n(numbers, 6, basis.data());
  std::copy_n(wanted, 6, targets.data());
  EXPECT_NEAR(least_squares_residual(basis, targets), 4 / std::sqrt(34.0), 1e-15);
}

TEST(Representation, FitsWhatCommutesAndNothingElse) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto checks = check_representation(seed);
    ASSERT_EQ(checks.size(), 2U);
    EXPECT_TRUE(checks[0].represented);
    EXPECT_FALSE(checks[1].represented);
    EXPECT_GT(checks[1].residual, 0.01);
    for (const RepresentationCheck& check : checks)
      EXPECT_TRUE(check.passed()) << check.target << ' ' << check.residual;
  }
}

}  // namespace
}  // namespace knowscale

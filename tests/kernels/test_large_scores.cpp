// SPDX-License-Identifier: BSD-3-Clause
// Scores as large as numbers go. Their rounding is more than what keys differ by, so that rows cannot be compared with
// another rounding of them; what must hold is that the weights are those of scores which are each within their
// rounding.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "kernels/every_target.hpp"
#include "kernels/kernel.hpp"
#include "kernels/partial.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

constexpr std::int64_t kWidth = 16;

template <class T>
struct Inputs {
  Matrix<T> queries, keys, values;
  double scale = 1;

  Inputs(std::int64_t n, std::int64_t m) : queries(n, kWidth), keys(m, kWidth), values(m, kWidth) {
    fill(queries, Draw::queries);
    fill(keys, Draw::keys);
    fill(values, Draw::values);
  }
  AttentionInput<T> view() const { return {queries.view(), keys.view(), values.view(), {1, 1, kWidth, kWidth}, scale}; }

 private:
  static void fill(Matrix<T>& matrix, Draw draw) {
    std::vector<double> row(kWidth);
    for (std::int64_t i = 0; i < matrix.rows(); ++i) {
      fill_normal(23, draw, i, row);
      std::transform(row.begin(), row.end(), matrix.row(i), [](double x) { return static_cast<T>(x); });
    }
  }
};

// Of one query: which keys could lead, however each score is rounded.
template <class T>
std::vector<std::int64_t> could_lead(const Inputs<T>& in, std::int64_t query) {
  const long double u = unit_roundoff(precision_of<T>);
  std::vector<long double> scores, off;
  for (std::int64_t k = 0; k < in.keys.rows(); ++k) {
    long double score = 0, size = 0;
    for (std::int64_t c = 0; c < kWidth; ++c) {
      const long double product = static_cast<long double>(static_cast<double>(in.queries(query, c))) *
                                  static_cast<long double>(static_cast<double>(in.keys(k, c)));
      score += product;
      size += std::abs(product);
    }
    scores.push_back(in.scale * score);
    off.push_back(in.scale * size * u * (kWidth + 4));
  }
  long double assured = -std::numeric_limits<long double>::infinity();
  for (std::size_t k = 0; k < scores.size(); ++k) assured = std::max(assured, scores[k] - off[k]);
  std::vector<std::int64_t> leading;
  for (std::size_t k = 0; k < scores.size(); ++k) {
    if (scores[k] + off[k] >= assured - 40) leading.push_back(static_cast<std::int64_t>(k));
  }
  return leading;
}

// The rows of the output in which one key leads; all are in the hull of the values of the keys that could.
template <class T>
std::int64_t expect_rows_in_hulls(const Kernel& kernel, const Inputs<T>& in, int threads) {
  using L = Accumulator<T>;
  Partial<L> state(in.queries.rows(), in.view().shape);
  kernel.compute(in.view(), state.rows(), Threads(threads));
  Matrix<L> out(state.row_count(), kWidth);
  normalise<L>(state.rows(), out.view());
  std::int64_t clear = 0;
  for (std::int64_t i = 0; i < out.rows(); ++i) {
    const std::vector<std::int64_t> leading = could_lead(in, i);
    if (leading.size() == 1) ++clear;
    for (std::int64_t c = 0; c < kWidth; ++c) {
      double low = std::numeric_limits<double>::infinity(), high = -low;
      for (const std::int64_t k : leading) {
        low = std::min(low, static_cast<double>(in.values(k, c)));
        high = std::max(high, static_cast<double>(in.values(k, c)));
      }
      const double rounding = 1e-5 * std::max(std::abs(low), std::abs(high)) + 1e-30;
      const bool inside = low - rounding <= out(i, c) && out(i, c) <= high + rounding;  // NaN is not
      EXPECT_TRUE(inside) << kernel.name << " query " << i << " column " << c << ": " << double(out(i, c)) << " not in "
                          << low << " to " << high;
      if (!inside) return clear;
    }
  }
  return clear;
}

template <class T>
void expect_rows_in_hulls_at(const std::vector<double>& scales) {
  SCOPED_TRACE(std::string(name_of(precision_of<T>)));
  for (const double scale : scales) {
    SCOPED_TRACE(scale);
    for (const std::int64_t n : {1, 4, 13, 40}) {
      Inputs<T> in(n, 400);
      in.scale = scale;
      std::int64_t clear = 0;
      for (const Kernel& kernel : kernels_of(precision_of<T>)) clear += expect_rows_in_hulls(kernel, in, 1);
      EXPECT_GT(clear, 0) << n;
    }
  }
}

TEST(LargeScores, EveryKernelWeighsThemWithinTheirRounding) {
  for_every_target([] {
    expect_rows_in_hulls_at<float>({1e5, 1e9, 1e20, 1e36});
    expect_rows_in_hulls_at<Bf16>({1e5, 1e9, 1e20, 1e36});
    expect_rows_in_hulls_at<F16>({1e5, 1e9, 1e20, 1e36});
    expect_rows_in_hulls_at<double>({1e15, 1e17, 1e300});
  });
}

TEST(LargeScores, RangesOfKeysMergeWithinTheirRounding) {
  for (const double scale : {1e7, 1e10, 1e20, 1e36}) {
    for (const std::int64_t n : {3, 40}) {
      Inputs<float> in(n, 9000);
      in.scale = scale;
      for (const Kernel& kernel : kernels_of(Precision::f32))
        EXPECT_GT(expect_rows_in_hulls(kernel, in, 3), 0) << scale;
    }
  }
}

// The leading key in every place, far below 0 too: all other scores are lower still.
TEST(LargeScores, TheLeadingKeyIsFoundWhereverItIs) {
  for_every_target([] {
    for (const double sign : {1.0, -1.0}) {
      for (const std::int64_t place : {0, 7, 300, 698, 699}) {
        for (const std::int64_t n : {1, 3, 7, 40}) {
          Inputs<float> in(n, 700);
          in.scale = 1e12;
          for (std::int64_t i = 0; i < n; ++i) in.queries(i, 0) = 1;
          for (std::int64_t k = 0; k < 700; ++k) {
            in.keys(k, 0) = static_cast<float>(sign > 0 ? (k == place) * 100.0 : (k == place) * 50.0 - 100.0);
          }
          for (const Kernel& kernel : kernels_of(Precision::f32)) EXPECT_EQ(expect_rows_in_hulls(kernel, in, 1), n);
        }
      }
    }
  });
}

// Sums of values near the largest number fit where weights are at most 1.
TEST(LargeScores, LargeValuesAreAveragedWithoutOverflow) {
  for_every_target([] {
    for (const double size : {1e25, 1e30, 1e35}) {
      for (const std::int64_t n : {1, 3, 7, 40}) {
        Inputs<float> in(n, 700);
        for (float& x : in.values.span()) x = static_cast<float>(size) * (1 + std::abs(x) / 8);
        for (std::int64_t k = 350; k < 700; ++k) in.keys(k, 0) += 20;  // scores rise by more than the first ones allow
        for (std::int64_t i = 0; i < n; ++i) in.queries(i, 0) = 1;
        for (const Kernel& kernel : kernels_of(Precision::f32)) expect_rows_in_hulls(kernel, in, 1);
      }
    }
  });
}

// 3.4e38 twice is more than there is; their mean is not.
TEST(LargeScores, ReferenceAveragesTheLargestNumbers) {
  Inputs<float> in(3, 64);
  in.scale = 0;
  std::fill_n(in.values.data(), in.values.size(), std::numeric_limits<float>::max());
  EXPECT_EQ(expect_rows_in_hulls(kernel_by_name("reference"), in, 1), 0);
}

// Products of 1e200 are beyond f64, and so is their sum.
TEST(LargeScores, ReferenceOrdersScoresBeyondItsNumbers) {
  Inputs<double> in(3, 64);
  for (double& x : in.queries.span()) x *= 1e200;
  for (double& x : in.keys.span()) x *= 1e200;
  in.scale = 1e100;
  EXPECT_EQ(expect_rows_in_hulls(kernel_by_name("reference"), in, 1), 3);
}

}  // namespace
}  // namespace knowscale

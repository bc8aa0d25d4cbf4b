// SPDX-License-Identifier: BSD-3-Clause
// Weighted second moments against plain sums in f64, on every instruction set.
#include "kernels/moments.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/random.hpp"
#include "kernels/every_target.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

template <class T>
void expect_moments(std::int64_t m, std::int64_t d, int threads) {
  using L = Accumulator<T>;
  Matrix<T> rows(m, d);
  std::vector<L> weights(static_cast<std::size_t>(m));
  std::vector<double> row(static_cast<std::size_t>(d));
  for (std::int64_t k = 0; k < m; ++k) {
    fill_normal(3, Draw::keys, k, row);
    for (std::int64_t j = 0; j < d; ++j) rows(k, j) = static_cast<T>(row[static_cast<std::size_t>(j)]);
    weights[static_cast<std::size_t>(k)] = static_cast<L>(k % 7 - 2);
  }
  Matrix<L> out(d, d);
  std::fill_n(out.data(), out.size(), L{7});  // stale
  moments<T>(rows.view(), rows.view(), weights, out.view(), Threads(threads));
  for (std::int64_t i = 0; i < d; ++i) {
    for (std::int64_t j = 0; j < d; ++j) {
      double sum = 0, size = 0;
      for (std::int64_t k = 0; k < m; ++k) {
        const double term = static_cast<double>(rows(k, i)) * static_cast<double>(rows(k, j)) *
                            static_cast<double>(weights[static_cast<std::size_t>(k)]);
        sum += term;
        size += std::abs(term);
      }
      const double tolerance = (std::is_same_v<L, double> ? 1e-14 : 4e-6) * (1 + size);
      ASSERT_NEAR(static_cast<double>(out(i, j)), sum, tolerance) << m << ' ' << d << ' ' << i << ' ' << j;
      ASSERT_EQ(out(i, j), out(j, i));
    }
  }
}

template <class T>
void expect_moments_of_pairs(std::int64_t m, std::int64_t key_dim, std::int64_t value_dim, int threads) {
  using L = Accumulator<T>;
  Matrix<T> keys(m, key_dim), values(m, value_dim);
  std::vector<L> weights(static_cast<std::size_t>(m));
  for (std::int64_t k = 0; k < m; ++k) {
    for (std::int64_t i = 0; i < key_dim; ++i) keys(k, i) = static_cast<T>(static_cast<double>((3 * k + i) % 7 - 3));
    for (std::int64_t j = 0; j < value_dim; ++j)
      values(k, j) = static_cast<T>(static_cast<double>((k + 5 * j) % 5 - 2));
    weights[static_cast<std::size_t>(k)] = static_cast<L>(k % 3 - 1);
  }
  Matrix<L> out(key_dim, value_dim);
  std::fill_n(out.data(), out.size(), L{7});  // stale
  moments<T>(keys.view(), values.view(), weights, out.view(), Threads(threads));
  for (std::int64_t i = 0; i < key_dim; ++i) {
    for (std::int64_t j = 0; j < value_dim; ++j) {
      double sum = 0;  // of small whole numbers: exact in every format
      for (std::int64_t k = 0; k < m; ++k) {
        sum += static_cast<double>(keys(k, i)) * static_cast<double>(values(k, j)) *
               static_cast<double>(weights[static_cast<std::size_t>(k)]);
      }
      ASSERT_EQ(static_cast<double>(out(i, j)), sum) << m << ' ' << key_dim << ' ' << value_dim << ' ' << i << ' ' << j;
    }
  }
}

TEST(Moments, TakeKeysAndValuesOfDifferentWidths) {
  for_every_target([&] {
    for (const Precision precision : kUnscaled) {
      with_type_of(precision, []<class T>(T) {
        for (const std::int64_t m : {0, 1, 300}) {
          expect_moments_of_pairs<T>(m, 5, 40, 1);
          expect_moments_of_pairs<T>(m, 33, 3, 2);
          expect_moments_of_pairs<T>(m, 12, 12, 1);
        }
      });
    }
  });
}

TEST(Moments, MatchPlainSumsForAllFormatsWidthsAndTargets) {
  for_every_target([&] {
    for (const std::int64_t d : {1, 5, 32, 70}) {
      for (const std::int64_t m : {0, 1, 9, 600}) {
        for (const Precision precision : kUnscaled) {
          with_type_of(precision, [&]<class T>(T) { expect_moments<T>(m, d, 1); });
        }
      }
    }
  });
}

TEST(Moments, ThreadsDivideTheRows) {
  for (const int threads : {2, 3, 5}) {
    for (const std::int64_t m : {1, 4, 700}) expect_moments<float>(m, 40, threads);
  }
}

}  // namespace
}  // namespace knowscale

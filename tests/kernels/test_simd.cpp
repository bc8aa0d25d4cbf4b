// SPDX-License-Identifier: BSD-3-Clause
// Kernel `simd` on every instruction set that this machine runs, against `reference`: all formats, odd sizes, masks,
// tile sizes, and numbers chosen to hurt.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "kernels/every_target.hpp"
#include "kernels/kernel.hpp"
#include "kernels/partial.hpp"
#include "kernels/simd/attention.hpp"
#include "kernels/simd/stream.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
struct Inputs {
  HeadShape shape;
  Matrix<T> queries, keys, values;
  Mask mask;
  TileSizes tiles;
  double scale;

  Inputs(std::int64_t n, std::int64_t m, HeadShape heads, double key_factor = 1)
      : shape(heads),
        queries(n, heads.heads * heads.key_dim),
        keys(m, heads.kv_heads * heads.key_dim),
        values(m, heads.kv_heads * heads.value_dim),
        scale(1 / std::sqrt(static_cast<double>(heads.key_dim))) {
    fill(queries, Draw::queries, 1);
    fill(keys, Draw::keys, key_factor);
    fill(values, Draw::values, 1);
  }
  AttentionInput<T> view() const { return {queries.view(), keys.view(), values.view(), shape, scale, mask, tiles}; }

 private:
  static void fill(Matrix<T>& matrix, Draw draw, double factor) {
    std::vector<double> row(static_cast<std::size_t>(matrix.cols()));
    for (std::int64_t i = 0; i < matrix.rows(); ++i) {
      fill_normal(5, draw, i, row);
      for (std::int64_t j = 0; j < matrix.cols(); ++j)
        matrix(i, j) = static_cast<T>(factor * row[static_cast<std::size_t>(j)]);
    }
  }
};

template <class T>
Partial<Accumulator<T>> run(const char* kernel, const Inputs<T>& in, int threads) {
  Partial<Accumulator<T>> out(in.queries.rows(), in.shape);
  std::fill_n(out.rows().data, out.rows().size(), Accumulator<T>{7});  // stale
  kernel_by_name(kernel).compute(in.view(), out.rows(), Threads(threads));
  return out;
}

// The largest difference of outputs o / l and of lse; infinite where one is NaN alone, or no identity alone.
template <class L>
double difference(const Partial<L>& a, const Partial<L>& b) {
  const std::int64_t l = a.value_dim(), m = l + 1;
  double worst = 0;
  for (std::int64_t i = 0; i < a.row_count(); ++i) {
    const L* x = a.rows().row(i);
    const L* y = b.rows().row(i);
    if (x[l] == 0 || y[l] == 0) {
      if (!std::equal(x, x + m + 1, y)) return kInfinity;
      continue;
    }
    const auto compare = [&](double p, double q, double size) {
      if (std::isnan(p) != std::isnan(q)) worst = kInfinity;
      if (!std::isnan(p) && !std::isnan(q)) worst = std::max(worst, std::abs(p - q) / size);
    };
    for (std::int64_t c = 0; c < l; ++c) compare(double(x[c]) / double(x[l]), double(y[c]) / double(y[l]), 1);
    compare(double(x[m]) + std::log(double(x[l])), double(y[m]) + std::log(double(y[l])), 1 + std::abs(double(x[m])));
  }
  return worst;
}

template <class T>
double tolerance(double largest_score) {
  if (std::is_same_v<T, double>) return 2e-14 * (1 + largest_score);
  const double weights = std::is_same_v<T, Bf16> ? 2e-2 : 0;  // are rounded to 2^-9, values reach 4
  return weights + 1e-6 * (2 + largest_score);
}

// Calls body(T{}, name) for every format.
template <class Body>
void for_every_format(const Body& body) {
  for (const Precision precision : kUnscaled) {
    SCOPED_TRACE(std::string(name_of(precision)));
    with_type_of(precision, body);
  }
}

template <class T>
void expect_like_reference(const Inputs<T>& in, int threads, double largest_score) {
  EXPECT_LE(difference(run("reference", in, 1), run("simd", in, threads)), tolerance<T>(largest_score))
      << "n " << in.queries.rows() << " m " << in.keys.rows() << " heads " << in.shape.heads << '/' << in.shape.kv_heads
      << " d " << in.shape.key_dim << ' ' << in.shape.value_dim << " threads " << threads;
}

// Few queries, a full tile, more; widths that fill vectors and that do not; grouped heads; blocks with a rest.
TEST(Simd, MatchesReferenceForAllFormatsShapesAndTargets) {
  for_every_target([] {
    for_every_format([]<class T>(T) {
      for (const HeadShape shape : {HeadShape{1, 1, 1, 1}, HeadShape{1, 1, 64, 64}, HeadShape{3, 3, 7, 5},
                                    HeadShape{6, 2, 16, 9}, HeadShape{1, 1, 80, 96}, HeadShape{2, 1, 33, 70}}) {
        for (const std::int64_t n : {1, 3, 6, 13, 40}) {
          for (const std::int64_t m : {0, 1, 17, 200, 641}) expect_like_reference(Inputs<T>(n, m, shape), 1, 8);
        }
      }
    });
  });
}

// What one machine likes best every other one computes alike.
TEST(Simd, MatchesReferenceInEveryWay) {
  for_every_target([] {
    for_every_format([]<class T>(T) {
      for (const simd::Way way : {simd::Way{false, false}, simd::Way{true, false}, simd::Way{false, true}}) {
        for (const HeadShape shape : {HeadShape{1, 1, 64, 64}, HeadShape{1, 1, 33, 70}}) {
          for (const std::int64_t n : {1, 2, 4, 5, 8, 9, 16, 17}) {
            const Inputs<T> in(n, 333, shape);
            const Threads threads(1);
            const auto view = in.view();
            Partial<Accumulator<T>> out(n, shape);
            simd::run(simd::Pass<T>{view, {shape, 0, 0, n}, {0, 333}, 48, threads, out.rows(), way});
            EXPECT_LE(difference(run("reference", in, 1), out), tolerance<T>(8)) << n << ' ' << shape.key_dim;
          }
        }
      }
    });
  });
}

TEST(Simd, MatchesReferenceForEveryNumberOfThreads) {
  for_every_format([]<class T>(T) {
    for (const int threads : {1, 2, 3, 5}) {
      for (const std::int64_t n : {1, 5, 70}) {
        for (const std::int64_t m : {3, 64, 9000}) expect_like_reference(Inputs<T>(n, m, {4, 2, 8, 8}), threads, 8);
      }
    }
  });
}

TEST(Simd, TileSizesChangeRoundingAlone) {
  for_every_format([]<class T>(T) {
    for (const std::int64_t n : {3, 90}) {
      Inputs<T> in(n, 700, {2, 2, 24, 20});
      for (const std::int64_t queries : {1, 7, 64}) {
        for (const std::int64_t keys : {1, 16, 100, 1000}) {
          in.tiles = {queries, keys};
          expect_like_reference(in, 2, 8);
        }
      }
    }
  });
}

TEST(Simd, TilesLargerThanTheInputTakeNoMoreMemoryThanItNeeds) {
  for_every_format([]<class T>(T) {
    for (const std::int64_t n : {1, 3, 90}) {
      Inputs<T> in(n, 70, {2, 2, 24, 20});
      in.tiles = {std::int64_t{1} << 62, std::int64_t{1} << 62};
      expect_like_reference(in, 2, 8);
    }
  });
}

TEST(Simd, CausalAndHiddenKeysAreNotSeen) {
  for_every_target([] {
    for_every_format([]<class T>(T) {
      for (const std::int64_t n : {1, 4, 20, 70}) {
        for (const std::int64_t offset : {-30, 0, 5, 300}) {
          Inputs<T> in(n, 300, {4, 2, 16, 16});
          in.mask.causal = true;
          in.mask.first_query = offset;
          expect_like_reference(in, 2, 8);
        }
        std::vector<std::uint8_t> visible(300, 1);
        for (std::size_t k = 0; k < visible.size(); k += 3) visible[k] = 0;
        for (std::size_t k = 64; k < 200; ++k) visible[k] = 0;
        Inputs<T> in(n, 300, {4, 2, 16, 16});
        in.mask.visible = visible;
        expect_like_reference(in, 2, 8);
        std::fill(visible.begin(), visible.end(), std::uint8_t{0});
        expect_like_reference(in, 2, 8);
      }
    });
  });
}

// The maximum rises by far from block to block, falls, or stands out once; scores reach 1e5.
TEST(Simd, FollowsTheMaximumWhereverItIs) {
  for_every_target([] {
    for_every_format([]<class T>(T) {
      if (std::is_same_v<T, F16>) return;  // holds no 1e5
      for (const std::int64_t n : {2, 7, 13, 50}) {
        for (const double largest : {40.0, 1e3, 1e5}) {
          for (const int kind : {0, 1, 2, 3}) {
            Inputs<T> in(n, 900, {1, 1, 16, 16}, 0.01);
            in.scale = 1;
            for (std::int64_t i = 0; i < n; ++i) in.queries(i, 0) = static_cast<T>(1.0);
            for (std::int64_t k = 0; k < 900; ++k) {
              const double place = static_cast<double>(k) / 899;
              const double score = kind == 0 ? place : kind == 1 ? 1 - place : kind == 2 ? (k == 777) : -1.0;
              in.keys(k, 0) = static_cast<T>(largest * score);
            }
            expect_like_reference(in, 1, largest);
          }
        }
      }
    });
  });
}

TEST(Simd, MinusInfinityAndSubnormalNumbersAreNumbers) {
  for_every_target([] {
    for (const std::int64_t n : {1, 7, 40}) {
      Inputs<float> in(n, 200, {1, 1, 16, 16});
      for (std::int64_t i = 0; i < n; ++i) in.queries(i, 3) = 1.0f;
      for (std::int64_t k = 0; k < 200; ++k) {
        if (k % 5 != 4) in.keys(k, 3) = -std::numeric_limits<float>::infinity();
        for (std::int64_t c = 4; c < 16; ++c) in.keys(k, c) = 1e-40f * static_cast<float>(c);
        in.values(k, 5) = 3e-41f;
      }
      expect_like_reference(in, 1, 8);
    }
  });
}

TEST(Simd, NaNInAQueryStaysInItsRow) {
  for_every_target([] {
    for_every_format([]<class T>(T) {
      for (const std::int64_t n : {2, 7, 13, 50}) {
        Inputs<T> in(n, 300, {1, 1, 16, 16});
        in.queries(1, 3) = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
        if constexpr (std::is_same_v<T, float>) in.queries(1, 3) = std::bit_cast<float>(0x7fc00001u);
        const auto out = run("simd", in, 2);
        for (std::int64_t i = 0; i < n; ++i) {
          for (std::int64_t c = 0; c < 17; ++c) EXPECT_EQ(std::isnan(out.rows()(i, c)), i == 1) << i << ' ' << c;
        }
      }
    });
  });
}

TEST(Simd, NaNInAKeyReachesEveryRowAndNaNInAValueItsColumn) {
  for_every_target([] {
    for (const std::int64_t n : {2, 7, 50}) {
      Inputs<float> in(n, 300, {1, 1, 16, 16});
      in.keys(123, 3) = std::bit_cast<float>(0x7fc00001u);
      const auto by_key = run("simd", in, 1);
      for (std::int64_t i = 0; i < n; ++i)
        EXPECT_TRUE(std::isnan(by_key.rows()(i, 2)) && std::isnan(by_key.rows()(i, 16)));
      Inputs<float> other(n, 300, {1, 1, 16, 16});
      other.values(299, 3) = std::numeric_limits<float>::quiet_NaN();
      const auto by_value = run("simd", other, 1);
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t c = 0; c < 17; ++c) EXPECT_EQ(std::isnan(by_value.rows()(i, c)), c == 3) << i << ' ' << c;
      }
    }
  });
}

// Sums of a million weights in f32 keep to blocks, so that their error stays near that of one block.
TEST(Simd, SumsOfAMillionKeysStayAccurate) {
  Inputs<float> in(1, std::int64_t{1} << 20, {1, 1, 4, 4});
  EXPECT_LE(difference(run("reference", in, 1), run("simd", in, 1)), 2e-6);
}

TEST(Simd, ReferenceStaysWithinItsSlackOfTheMaximum) {
  Inputs<float> in(20, 500, {1, 1, 16, 16}, 10);
  const auto expected = run("reference", in, 1), out = run("simd", in, 1);
  for (std::int64_t i = 0; i < 20; ++i) {
    EXPECT_LE(out.rows()(i, 17), expected.rows()(i, 17) + 1e-4);
    EXPECT_GE(out.rows()(i, 17), expected.rows()(i, 17) - 32 * std::log(2.0) - 1e-4);
  }
}

}  // namespace
}  // namespace knowscale

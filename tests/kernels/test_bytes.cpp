// SPDX-License-Identifier: BSD-3-Clause
// Kernels of the host on knowledge in 8 bits, against `reference` on the numbers that the bytes stand for: all targets,
// odd sizes, tails, heads, masks, and vectors chosen to hurt.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "kernels/attend.hpp"
#include "kernels/every_target.hpp"
#include "kernels/kernel.hpp"
#include "kernels/partial.hpp"
#include "kernels/simd/stream.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

constexpr Precision kFormats[] = {Precision::int8, Precision::fp8};

struct Inputs {
  HeadShape shape;
  Matrix<float> queries, keys, values;  // as numbers
  ByteMatrix key_bytes, value_bytes;
  bool own_values = false;  // keys are their own values
  Mask mask;

  Inputs(Precision format, std::int64_t n, std::int64_t m, HeadShape heads, bool own = false)
      : shape(heads),
        queries(n, heads.heads * heads.key_dim),
        keys(m, heads.kv_heads * heads.key_dim),
        values(m, heads.kv_heads * heads.value_dim),
        own_values(own) {
    fill(queries, Draw::queries);
    fill(keys, Draw::keys);
    fill(values, Draw::values);
    if (m > 3) {
      std::fill_n(keys.row(1), keys.cols(), 0.0f);
      keys(2, 0) = 40;  // leaves little of the others
      std::fill_n(keys.row(3), keys.cols(), 1e-37f);
      values(2, values.cols() - 1) = 1e10f;
    }
    key_bytes = quantise(format, keys, heads.key_dim);
    value_bytes = quantise(format, values, heads.value_dim);
  }

  AttentionInput<float> in_bytes() const {
    const StoredRows<float> key_rows = key_bytes.view(), value_rows = value_bytes.view();
    return input(key_rows, own_values ? key_rows : value_rows);
  }
  AttentionInput<float> in_numbers() const {
    return input(keys.view(), own_values ? StoredRows<float>(keys.view()) : StoredRows<float>(values.view()));
  }

 private:
  AttentionInput<float> input(const StoredRows<float>& key_rows, const StoredRows<float>& value_rows) const {
    return {queries.view(), key_rows, value_rows, shape, 1 / std::sqrt(static_cast<double>(shape.key_dim)), mask};
  }
  static void fill(Matrix<float>& matrix, Draw draw) {
    std::vector<double> row(static_cast<std::size_t>(matrix.cols()));
    for (std::int64_t i = 0; i < matrix.rows(); ++i) {
      fill_normal(5, draw, i, row);
      std::copy(row.begin(), row.end(), matrix.row(i));
    }
  }
  // The bytes, and in place of the numbers what they stand for.
  static ByteMatrix quantise(Precision format, Matrix<float>& numbers, std::int64_t width) {
    const ByteLayout layout = {format, numbers.cols() / width, width};
    ByteMatrix bytes(layout, Matrix<std::uint8_t>(numbers.rows(), layout.record_bytes()));
    for (std::int64_t i = 0; i < numbers.rows(); ++i) bytes.set_row(i, numbers.row(i));
    const StoredRows<float> rows = bytes.view();
    for (std::int64_t i = 0; i < numbers.rows(); ++i) {
      for (std::int64_t j = 0; j < numbers.cols(); j += width) {
        numbers_of_row(rows, i, j, width, numbers.row(i) + j);
      }
    }
    return bytes;
  }
};

Matrix<float> run(const Kernel& kernel, const AttentionInput<float>& input, int threads) {
  Partial<float> state(input.queries.rows, input.shape);
  kernel.compute(input, state.rows(), Threads(threads));
  Matrix<float> out(state.row_count(), input.shape.value_dim);
  normalise<float>(state.rows(), out.view());
  return out;
}

void expect_like(const Matrix<float>& expected, const Matrix<float>& out, const std::string& what) {
  for (std::int64_t i = 0; i < out.rows(); ++i) {
    for (std::int64_t j = 0; j < out.cols(); ++j) {
      ASSERT_NEAR(out(i, j), expected(i, j), 3e-5 * (1 + std::abs(expected(i, j)))) << what << ' ' << i << ' ' << j;
    }
  }
}

void expect_like_reference(const Inputs& in, int threads) {
  const Matrix<float> expected = run(kernel_by_name("reference"), in.in_numbers(), 1);
  for (const char* name : {"reference", "blas", "simd"}) {
    if (std::string(name) == "blas" && !in.mask.visible.empty() && in.keys.rows() == 0) continue;
    expect_like(expected, run(kernel_by_name(name), in.in_bytes(), threads),
                std::string(name) + " n " + std::to_string(in.queries.rows()) + " m " + std::to_string(in.keys.rows()));
  }
}

constexpr HeadShape kShapes[] = {{1, 1, 1, 1}, {1, 1, 64, 64}, {3, 3, 7, 5}, {6, 2, 16, 9}, {1, 1, 80, 96}};

TEST(Bytes, EveryKernelMatchesReferenceForAllShapesAndTargets) {
  for_every_target([] {
    for (const Precision format : kFormats) {
      SCOPED_TRACE(std::string(name_of(format)));
      for (const HeadShape& shape : kShapes) {
        for (const std::int64_t n : {1, 3, 6, 13, 40}) {
          for (const std::int64_t m : {0, 1, 17, 200, 641}) {
            expect_like_reference({format, n, m, shape}, 1);
            if (shape.key_dim == shape.value_dim) expect_like_reference({format, n, m, shape, true}, 2);
          }
        }
      }
    }
  });
}

TEST(Bytes, HiddenKeysAreNotSeen) {
  std::vector<std::uint8_t> visible(300, 1);
  for (std::size_t k = 0; k < visible.size(); k += 3) visible[k] = 0;
  for (const Precision format : kFormats) {
    for (const std::int64_t n : {1, 20}) {
      Inputs in(format, n, 300, {4, 2, 16, 16});
      in.mask.visible = visible;
      expect_like_reference(in, 2);
      in.mask.causal = true;
      in.mask.first_query = 50;
      expect_like_reference(in, 1);
    }
  }
}

TEST(Bytes, AreReadInEveryWay) {
  for (const Precision format : kFormats) {
    for (const simd::Way way : {simd::Way{false, false}, simd::Way{true, false}, simd::Way{false, true}}) {
      for (const std::int64_t n : {1, 2, 4, 8, 16, 17}) {
        const Inputs in(format, n, 333, {1, 1, 64, 64});
        const AttentionInput<float> input = in.in_bytes();
        const Threads threads(1);
        Partial<float> state(n, in.shape);
        simd::run(simd::Pass<float>{input, {in.shape, 0, 0, n}, {0, 333}, 48, threads, state.rows(), way});
        Matrix<float> out(n, 64);
        normalise<float>(state.rows(), out.view());
        expect_like(run(kernel_by_name("reference"), in.in_numbers(), 1), out, std::to_string(n));
      }
    }
  }
}

// Keys of f32 with their bytes beside them.
struct Screened {
  HeadShape shape;
  Matrix<float> queries, keys, values;
  ByteMatrix bytes;
  ScreenCount count;

  // Scores of the keys, of their own spread, and values that those who matter least have the largest of.
  template <class Score>
  Screened(std::int64_t n, std::int64_t m, HeadShape heads, const Score& score)
      : shape(heads),
        queries(n, heads.heads * heads.key_dim),
        keys(m, heads.kv_heads * heads.key_dim),
        values(m, heads.kv_heads * heads.value_dim) {
    std::vector<double> row(static_cast<std::size_t>(std::max({queries.cols(), keys.cols(), values.cols()})));
    const auto fill = [&](Matrix<float>& matrix, Draw draw) {
      for (std::int64_t i = 0; i < matrix.rows(); ++i) {
        fill_normal(9, draw, i, row);
        std::copy_n(row.begin(), matrix.cols(), matrix.row(i));
      }
    };
    fill(queries, Draw::queries);
    fill(keys, Draw::keys);
    fill(values, Draw::values);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t h = 0; h < heads.heads; ++h) queries(i, h * heads.key_dim) = 1;
    }
    for (std::int64_t k = 0; k < m; ++k) {
      for (std::int64_t g = 0; g < heads.kv_heads; ++g) keys(k, g * heads.key_dim) = static_cast<float>(score(k));
    }
    const ByteLayout layout = {Precision::int8, heads.kv_heads, heads.key_dim};
    bytes = ByteMatrix(layout, Matrix<std::uint8_t>(m, layout.record_bytes()));
    for (std::int64_t k = 0; k < m; ++k) bytes.set_row(k, keys.row(k));
  }

  AttentionInput<float> input(bool own_values) {
    AttentionInput<float> all = {queries.view(), keys.view(), own_values ? keys.view() : values.view(), shape, 0.5};
    all.screen = {bytes.view(), keys.rows(), &count};
    return all;
  }
  double share() const { return static_cast<double>(count.read) / static_cast<double>(count.screened); }
};

template <class Score>
double expect_exact(std::int64_t n, std::int64_t m, const HeadShape& shape, const Score& score, int threads) {
  double share = 0;
  for (const bool own_values : {false, true}) {
    Screened in(n, m, shape, score);
    AttentionInput<float> plain = in.input(own_values);
    plain.screen = {};
    const Matrix<float> expected = run(kernel_by_name("reference"), plain, 1);
    expect_like(expected, run(kernel_by_name("simd"), in.input(own_values), threads), "screened");
    if (in.count.screened > 0) {
      EXPECT_EQ(in.count.screened, m * shape.kv_heads);
    }
    share = in.share();
  }
  return share;
}

TEST(Screened, IsExactAndReadsWhatMatters) {
  const HeadShape one = {1, 1, 64, 64}, grouped = {4, 2, 64, 64};
  for_every_target([&](std::int64_t target) {
    const bool screens = target != HWY_SCALAR;
    for (const std::int64_t n : {1, 2, 3, 4}) {
      // One key in a hundred stands out: the others weigh e^-60.
      const auto sharp = [](std::int64_t k) { return k % 100 == 7 ? 120.0 : 0.0; };
      const double share = expect_exact(n, 5000, one, sharp, 1);
      if (screens && n == 1) {
        EXPECT_LT(share, 0.05);
        EXPECT_GE(share, 0.01);
      }
      // Nothing does; scores that rise all the time, and fall; fewer keys than a block.
      const double flat = expect_exact(
          n, 5000, one, [](std::int64_t) { return 0.0; }, 1);
      if (screens && n == 1) {
        EXPECT_GT(flat, 0.9);
      }
      expect_exact(
          n, 3000, one, [](std::int64_t k) { return 0.05 * static_cast<double>(k); }, 2);
      expect_exact(
          n, 3000, one, [](std::int64_t k) { return -0.05 * static_cast<double>(k); }, 1);
      expect_exact(n, 3, one, sharp, 1);
      expect_exact(
          n, 261, one, [](std::int64_t k) { return k == 260 ? 90.0 : 0.0; }, 1);
      if (n <= 2) expect_exact(n, 2000, grouped, sharp, 3);
    }
  });
}

// Keys that weigh little each and much together: queries ask for one column alone, so that bytes round scores by less
// than a bit, and what is left out at 2^-24 of the leading key would be seen.
TEST(Screened, KeysMatterDownToTheRoundoffOfF32TogetherNotOneByOne) {
  for (const double bits : {10.0, 20.0, 25.0, 28.0, 30.0, 33.0}) {
    const auto close = [&](std::int64_t k) { return k == 0 ? 100.0 : 100.0 - bits / 0.5 * std::log(2.0); };
    Screened in(1, 4000, {1, 1, 64, 64}, close);
    for (std::int64_t c = 1; c < 64; ++c) in.queries(0, c) = 0;
    for (std::int64_t k = 1; k < 4000; ++k) {
      for (std::int64_t c = 0; c < 64; ++c) in.values(k, c) = 3;
    }
    AttentionInput<float> plain = in.input(false);
    plain.screen = {};
    const Matrix<float> expected = run(kernel_by_name("simd"), plain, 1);  // which rounds scores alike
    const Matrix<float> out = run(kernel_by_name("simd"), in.input(false), 1);
    for (std::int64_t c = 0; c < 64; ++c) EXPECT_NEAR(out(0, c), expected(0, c), 2e-5) << bits << ' ' << c;
  }
}

TEST(Screened, NaNInAQueryStaysInItsRow) {
  Screened in(3, 700, {1, 1, 64, 64}, [](std::int64_t k) { return k == 5 ? 90.0 : 0.0; });
  in.queries(1, 3) = std::numeric_limits<float>::quiet_NaN();
  const Matrix<float> out = run(kernel_by_name("simd"), in.input(false), 1);
  for (std::int64_t i = 0; i < 3; ++i) EXPECT_EQ(std::isnan(out(i, 0)), i == 1);
}

TEST(Bytes, AKernelThatDoesNotReadThemRefuses) {
  Kernel blind = kernel_by_name("simd");
  blind.reads_bytes = false;
  EXPECT_FALSE(blind.computes(Precision::int8));
  EXPECT_TRUE(blind.computes(Precision::f32));
  const Inputs in(Precision::int8, 2, 9, {1, 1, 8, 8});
  const KeySource<float> source = {in.in_bytes().keys, in.in_bytes().values, {}};
  Partial<float> state(2, in.shape);
  EXPECT_THROW(attend<float>(blind, in.in_bytes(), {&source, 1}, state.rows(), Threads(1)), Error);
}

}  // namespace
}  // namespace knowscale

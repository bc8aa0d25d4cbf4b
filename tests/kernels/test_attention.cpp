// SPDX-License-Identifier: BSD-3-Clause
// Every kernel against a softmax written out in long double, and against the reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/random.hpp"
#include "kernels/blas/gemm.hpp"
#include "kernels/kernel.hpp"
#include "kernels/partial.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

template <class T>
struct Inputs {
  HeadShape shape;
  double scale;
  Matrix<T> queries, keys, values;

  Inputs(std::int64_t n, std::int64_t m, HeadShape heads, double key_factor = 1)
      : shape(heads),
        scale(1 / std::sqrt(static_cast<double>(heads.key_dim))),
        queries(n, heads.heads * heads.key_dim),
        keys(m, heads.kv_heads * heads.key_dim),
        values(m, heads.kv_heads * heads.value_dim) {
    fill(queries, Draw::queries, 1);
    fill(keys, Draw::keys, key_factor);
    fill(values, Draw::values, 1);
  }
  AttentionInput<T> view() const { return {queries.view(), keys.view(), values.view(), shape, scale}; }

 private:
  static void fill(Matrix<T>& matrix, Draw draw, double factor) {
    std::vector<double> row(static_cast<std::size_t>(matrix.cols()));
    for (std::int64_t i = 0; i < matrix.rows(); ++i) {
      fill_normal(11, draw, i, row);
      for (std::int64_t j = 0; j < matrix.cols(); ++j)
        matrix(i, j) = static_cast<T>(factor * row[static_cast<std::size_t>(j)]);
    }
  }
};

// softmax(scale q K^T) V of one query and head, all scores at once.
template <class T>
std::vector<long double> naive_row(const Inputs<T>& in, std::int64_t query, std::int64_t head) {
  const std::int64_t kv = head / (in.shape.heads / in.shape.kv_heads);
  std::vector<long double> scores;
  for (std::int64_t k = 0; k < in.keys.rows(); ++k) {
    long double sum = 0;
    for (std::int64_t c = 0; c < in.shape.key_dim; ++c) {
      sum += static_cast<long double>(in.queries(query, head * in.shape.key_dim + c)) *
             in.keys(k, kv * in.shape.key_dim + c);
    }
    scores.push_back(sum * in.scale);
  }
  const long double highest = scores.empty() ? 0 : *std::max_element(scores.begin(), scores.end());
  std::vector<long double> out(static_cast<std::size_t>(in.shape.value_dim), 0);
  long double total = 0;
  for (std::size_t k = 0; k < scores.size(); ++k) {
    const long double weight = std::exp(scores[k] - highest);
    total += weight;
    for (std::size_t c = 0; c < out.size(); ++c) {
      out[c] +=
          weight * in.values(static_cast<std::int64_t>(k), kv * in.shape.value_dim + static_cast<std::int64_t>(c));
    }
  }
  for (long double& x : out) x = total > 0 ? x / total : 0;
  return out;
}

template <class T>
Matrix<T> run(const Kernel& kernel, const Inputs<T>& in, int threads) {
  Partial<T> partial(in.queries.rows(), in.shape);
  kernel.compute(in.view(), partial.rows(), Threads(threads));
  Matrix<T> out(partial.row_count(), in.shape.value_dim);
  normalise<T>(partial.rows(), out.view());
  return out;
}

template <class T>
void expect_exact_attention(const Inputs<T>& in, double tolerance) {
  for (const Kernel& kernel : kernels_of(precision_of<T>)) {
    for (const int threads : {1, 2, 3}) {
      const Matrix<T> out = run(kernel, in, threads);
      for (std::int64_t row = 0; row < out.rows(); ++row) {
        const auto expected = naive_row(in, row / in.shape.heads, row % in.shape.heads);
        for (std::int64_t c = 0; c < out.cols(); ++c) {
          ASSERT_NEAR(static_cast<double>(out(row, c)), static_cast<double>(expected[static_cast<std::size_t>(c)]),
                      tolerance)
              << kernel.name << " threads " << threads << " row " << row << " column " << c << " m " << in.keys.rows();
        }
      }
    }
  }
}

TEST(Attention, EveryKernelMatchesTheDefinitionForAllShapes) {
  // One key, less and more than a key block, more than a query tile, odd widths, grouped heads.
  for (const HeadShape shape :
       {HeadShape{1, 1, 1, 1}, HeadShape{1, 1, 64, 64}, HeadShape{3, 3, 7, 5}, HeadShape{6, 2, 16, 9}}) {
    for (const std::int64_t n : {1, 3, 17}) {
      for (const std::int64_t m : {0, 1, 5, 511, 512, 513, 1300}) {
        expect_exact_attention(Inputs<float>(n, m, shape), 3e-6);
        expect_exact_attention(Inputs<double>(n, m, shape), 1e-13);
      }
    }
  }
}

TEST(Attention, ManyQueriesSpanSeveralTiles) { expect_exact_attention(Inputs<float>(700, 40, {1, 1, 8, 8}), 3e-6); }

TEST(Attention, ScoresOfHundredThousandNeitherOverflowNorGiveNaN) {
  expect_exact_attention(Inputs<double>(4, 700, {1, 1, 16, 16}, 1e5), 1e-9);
  for (const Kernel& kernel : kernels_of(Precision::f32)) {
    const Matrix<float> out = run(kernel, Inputs<float>(4, 700, {1, 1, 16, 16}, 1e5), 2);
    for (const float x : out.span()) EXPECT_TRUE(std::isfinite(x));
  }
}

TEST(Attention, AnEmptyShardIsTheIdentity) {
  for (const Kernel& kernel : kernels_of(Precision::f64)) {
    const Inputs<double> in(3, 0, {2, 1, 4, 4});
    Partial<double> partial(3, in.shape);
    std::fill_n(partial.rows().data, partial.rows().size(), 7.0);  // stale
    kernel.compute(in.view(), partial.rows(), Threads(2));
    const Partial<double> identity(3, in.shape);
    for (std::int64_t i = 0; i < partial.rows().size(); ++i)
      EXPECT_EQ(partial.rows().data[i], identity.rows().data[i]) << kernel.name;
  }
}

TEST(Attention, ShardsMergeToTheWhole) {
  const Inputs<double> in(5, 1000, {2, 2, 8, 8});
  for (const Kernel& kernel : kernels_of(Precision::f64)) {
    Partial<double> whole(5, in.shape), merged(5, in.shape), part(5, in.shape);
    kernel.compute(in.view(), whole.rows(), Threads(1));
    for (std::int64_t shard = 0; shard < 7; ++shard) {
      AttentionInput<double> slice = in.view();
      slice.keys = slice.keys.slice_rows(row_range(1000, 7, shard));
      slice.values = slice.values.slice_rows(row_range(1000, 7, shard));
      kernel.compute(slice, part.rows(), Threads(1));
      merge(merged.rows(), std::as_const(part).rows());
    }
    std::vector<double> maxima;  // the two may refer to different scores
    for (std::int64_t i = 0; i < whole.row_count(); ++i)
      maxima.push_back(std::max(whole.rows()(i, 8 + 1), merged.rows()(i, 8 + 1)));
    rescale<double>(whole.rows(), maxima);
    rescale<double>(merged.rows(), maxima);
    for (std::int64_t i = 0; i < whole.rows().size(); ++i) {
      EXPECT_NEAR(merged.rows().data[i], whole.rows().data[i], 1e-11 * (1 + std::abs(whole.rows().data[i])));
    }
  }
}

TEST(Attention, AnUnknownKernelIsRefusedByNameWithTheKnownOnes) {
  try {
    kernel_by_name("blass");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.status(), ExitStatus::usage);
    EXPECT_NE(std::string(e.what()).find("blass"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("reference, blas"), std::string::npos);
  }
}

TEST(Gemm, ThreadsDivideRowsWithoutChangingTheProduct) {
  const Inputs<double> in(37, 21, {1, 1, 21, 13});
  Matrix<double> one(37, 13), three(37, 13);
  blas::gemm<double>(in.queries.view(), in.values.view(), one.view(), Threads(1));
  blas::gemm<double>(in.queries.view(), in.values.view(), three.view(), Threads(3));
  for (std::int64_t i = 0; i < 37; ++i) {
    for (std::int64_t j = 0; j < 13; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < 21; ++k) sum += in.queries(i, k) * in.values(k, j);
      EXPECT_NEAR(one(i, j), sum, 1e-12);
      EXPECT_NEAR(three(i, j), sum, 1e-12);
    }
  }
}

}  // namespace
}  // namespace knowscale

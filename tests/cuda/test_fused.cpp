// SPDX-License-Identifier: BSD-3-Clause
// The fused kernels against a softmax written out in f64, over shapes, masks, grouped heads and splits of the keys.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cuda/naive_attention.hpp"
#include "cuda/on_device.hpp"
#include "cuda/orders.hpp"
#include "kernels/cuda/attention/fused.hpp"

namespace knowscale::cuda {
namespace {

// Heads of `columns` numbers as heads of `width`, zeros behind them.
template <class T>
Matrix<T> padded(const Matrix<T>& matrix, int columns, int width) {
  const std::int64_t heads = matrix.cols() / columns;
  Matrix<T> out(matrix.rows(), heads * width);
  for (T& x : out.span()) x = T(0.0f);
  for (std::int64_t i = 0; i < matrix.rows(); ++i) {
    for (std::int64_t h = 0; h < heads; ++h) {
      for (int c = 0; c < columns; ++c) out(i, h * width + c) = matrix(i, h * columns + c);
    }
  }
  return out;
}

template <class T>
Matrix<float> run(const Problem<T>& p, bool keys_are_values = false) {
  const Shape& s = p.shape;
  const PaddedWidths widths = padded_widths(s.key_dim, s.value_dim);
  const DeviceBuffer<T> queries = upload<T>(padded(p.queries, s.key_dim, widths.key).view());
  const DeviceBuffer<T> keys = upload<T>(padded(p.keys, s.key_dim, widths.key).view());
  const DeviceBuffer<T> values = upload<T>(padded(p.values, s.value_dim, widths.value).view());
  Matrix<std::uint8_t> bytes(1, static_cast<std::int64_t>(p.visible.size()));
  std::copy(p.visible.begin(), p.visible.end(), bytes.data());
  const DeviceBuffer<std::uint8_t> visible = upload<std::uint8_t>(bytes.view());
  DeviceBuffer<float> out(std::int64_t{s.n} * s.heads * (s.value_dim + 2)), parts;
  AttentionTask<T> task;
  task.queries = queries.data();
  task.keys = keys.data();
  task.values = keys_are_values ? nullptr : values.data();
  task.query_stride = s.heads * widths.key;
  task.key_stride = s.kv_heads * widths.key;
  task.value_stride = s.kv_heads * widths.value;
  task.query_count = s.n;
  task.key_count = s.m;
  task.kv_heads = s.kv_heads;
  task.group = s.heads / s.kv_heads;
  task.scale_log2 = static_cast<float>(p.scale * 1.4426950408889634);
  task.causal = p.causal;
  task.offset = p.offset;
  task.visible = visible.data();
  task.value_dim = s.value_dim;
  task.out = out.data();
  const Stream stream;
  attend_fused(task, widths, parts, stream);
  stream.wait();
  return download(out.data(), std::int64_t{s.n} * s.heads, s.value_dim + 2);
}

template <class T>
void expect_exact(const Problem<T>& p, bool keys_are_values = false, double tolerance = kTolerance<T>) {
  const Shape& s = p.shape;
  for_every_order([&] {
    const Matrix<float> state = run(p, keys_are_values);
    for (int row = 0; row < state.rows(); ++row) {
      const auto expected = expected_row(p, row / s.heads, row % s.heads);
      const double total = static_cast<double>(state(row, s.value_dim)),
                   m = static_cast<double>(state(row, s.value_dim + 1));
      if (std::isinf(expected.back())) {
        ASSERT_EQ(total, 0.0) << "row " << row;
        ASSERT_EQ(m, expected.back()) << "row " << row;
        for (int c = 0; c < s.value_dim; ++c) ASSERT_EQ(state(row, c), 0.0f) << "row " << row << " column " << c;
        continue;
      }
      ASSERT_NEAR(m + std::log(total), expected.back(), tolerance * (1 + std::abs(expected.back()))) << "row " << row;
      for (int c = 0; c < s.value_dim; ++c) {
        ASSERT_NEAR(static_cast<double>(state(row, c)) / total, expected[static_cast<std::size_t>(c)], tolerance)
            << "row " << row << " column " << c << " n " << s.n << " m " << s.m << " heads " << s.heads << " / "
            << s.kv_heads << " widths " << s.key_dim << ", " << s.value_dim;
      }
    }
  });
}

template <class T>
class Fused : public testing::Test {};
using Types = testing::Types<Bf16, F16, float>;
TYPED_TEST_SUITE(Fused, Types);

TYPED_TEST(Fused, ManyQueriesMatchTheDefinition) {
  for (const Shape s : {Shape{130, 70, 1, 1, 64, 64}, Shape{20, 33, 4, 2, 128, 128}, Shape{17, 200, 1, 1, 64, 128},
                        Shape{20, 63, 1, 1, 64, 64}, Shape{20, 95, 1, 1, 128, 128}}) {
    expect_exact(Problem<TypeParam>(s));
  }
}

TYPED_TEST(Fused, TheWidestHeadsMatchTheDefinition) { expect_exact(Problem<TypeParam>({18, 40, 1, 1, 256, 256})); }

TYPED_TEST(Fused, FewQueriesMatchTheDefinition) {
  for (const Shape s : {Shape{1, 1, 1, 1, 64, 64}, Shape{1, 700, 8, 1, 128, 128}, Shape{3, 129, 4, 2, 64, 64},
                        Shape{16, 65, 1, 1, 128, 64}, Shape{2, 40, 2, 2, 256, 256}, Shape{3, 31, 1, 1, 64, 64}}) {
    expect_exact(Problem<TypeParam>(s));
  }
}

TYPED_TEST(Fused, OtherWidthsArePadded) {
  expect_exact(Problem<TypeParam>({40, 50, 2, 2, 7, 5}));
  expect_exact(Problem<TypeParam>({5, 90, 2, 1, 80, 33}));
  expect_exact(Problem<TypeParam>({20, 30, 1, 1, 16, 200}));
}

TYPED_TEST(Fused, NoKeysGiveTheIdentity) { expect_exact(Problem<TypeParam>({3, 0, 2, 2, 64, 64})); }

TYPED_TEST(Fused, CausalQueriesSeeWhatIsBeforeThem) {
  for (const std::int64_t offset : {std::int64_t{0}, std::int64_t{30}, std::int64_t{-25}}) {
    Problem<TypeParam> many({70, 90, 2, 1, 64, 64}), few({4, 90, 2, 1, 64, 64});
    many.causal = few.causal = true;
    many.offset = few.offset = offset;
    expect_exact(many);
    expect_exact(few);
  }
}

TYPED_TEST(Fused, HiddenKeysHaveNoWeight) {
  for (const int n : {3, 40}) {
    Problem<TypeParam> p({n, 150, 1, 1, 64, 64});
    p.visible.resize(150);
    for (std::size_t k = 0; k < p.visible.size(); ++k) p.visible[k] = k % 3 == 1 && (k < 32 || k > 100);
    expect_exact(p);
    p.visible.assign(150, 0);
    expect_exact(p);
  }
}

TYPED_TEST(Fused, KeysCanBeTheirOwnValues) {
  for (const int n : {2, 40}) {
    Problem<TypeParam> p({n, 150, 2, 2, 64, 64});
    std::copy(p.keys.span().begin(), p.keys.span().end(), p.values.data());
    expect_exact(p, true);
  }
}

TYPED_TEST(Fused, OneKeyMayDominateAndScoresMayBeLarge) {
  for (const int n : {2, 20}) {
    Problem<TypeParam> p({n, 100, 1, 1, 64, 64}, 50);
    expect_exact(p, false, 60 * kTolerance<TypeParam>);
    for (int k = 0; k < 100; ++k) p.keys(k, 3) = TypeParam(k == 77 ? 100.0f : -100.0f);
    expect_exact(p, false, 60 * kTolerance<TypeParam>);
  }
}

// In f16 a thousand weights of e^-17, each below what a subnormal number holds, are 4e-5 of the sum.
TYPED_TEST(Fused, ManySmallWeightsAreNotLost) {
  Problem<TypeParam> p({1, 2049, 1, 1, 64, 64});
  for (TypeParam& x : p.queries.span()) x = TypeParam(0.0f);
  p.queries(0, 0) = TypeParam(1.0f);
  for (int k = 0; k < 2049; ++k) {
    p.keys(k, 0) = TypeParam(k == 1000 ? 0.0f : -17.0f * 8);
    for (int c = 0; c < 64; ++c) p.values(k, c) = TypeParam(k == 1000 ? 0.0f : 1.0f);
  }
  for_every_order([&] {
    const Matrix<float> state = run(p);
    const double small = 2048 * std::exp(-17.0);
    EXPECT_NEAR(static_cast<double>(state(0, 5) / state(0, 64)), small / (1 + small), 0.01 * small);
  });
}

}  // namespace
}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// Weighted second moments on the device against plain sums in f64.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/cuda/moments/moments.hpp"
#include "on_device.hpp"
#include "orders.hpp"
#include "random_numbers.hpp"

namespace knowscale::cuda {
namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, double> ? 1e-14 : 4e-6;

constexpr std::uint32_t kKeys = 3, kValues = 4;  // seeds

template <class T>
Matrix<T> random_rows(std::int64_t m, std::int64_t cols, std::uint32_t seed) {
  Matrix<T> rows(m, cols);
  std::vector<double> row(static_cast<std::size_t>(cols));
  for (std::int64_t k = 0; k < m; ++k) {
    fill_normal(seed, k, row);
    for (std::int64_t j = 0; j < cols; ++j) rows(k, j) = static_cast<T>(row[static_cast<std::size_t>(j)]);
  }
  return rows;
}

// Of both signs, and 0.
template <class L>
Matrix<L> some_weights(std::int64_t m) {
  Matrix<L> weights(1, m);
  for (std::int64_t k = 0; k < m; ++k) weights(0, k) = static_cast<L>(k % 7 - 2) / 2;
  return weights;
}

template <class T>
void expect_moments(MatrixView<const T> keys, MatrixView<const T> values, const Matrix<Accumulator<T>>& weights,
                    const Matrix<Accumulator<T>>& found) {
  for (std::int64_t i = 0; i < keys.cols; ++i) {
    for (std::int64_t j = 0; j < values.cols; ++j) {
      double sum = 0, size = 0;
      for (std::int64_t k = 0; k < keys.rows; ++k) {
        const double term =
            static_cast<double>(keys(k, i)) * static_cast<double>(values(k, j)) * static_cast<double>(weights(0, k));
        sum += term;
        size += std::abs(term);
      }
      ASSERT_NEAR(static_cast<double>(found(i, j)), sum, kTolerance<T> * (1 + size)) << i << ' ' << j;
    }
  }
}

struct Size {
  std::int64_t m, key_dim, value_dim, gap;
};

template <class T>
void check_pairs(const Size& size) {
  SCOPED_TRACE(std::to_string(size.m) + " rows, " + std::to_string(size.key_dim) + " x " +
               std::to_string(size.value_dim));
  using L = Accumulator<T>;
  const Stream stream;
  const Matrix<T> keys = random_rows<T>(size.m, size.key_dim, kKeys);
  const Matrix<T> values = random_rows<T>(size.m, size.value_dim, kValues);
  const Matrix<L> weights = some_weights<L>(size.m);
  const DeviceMatrix<T> device_keys(keys.view(), size.gap), device_values(values.view(), 2 * size.gap);
  DeviceMatrix<L> device_weights(weights.view()), out(size.key_dim, size.value_dim, 3 * size.gap);
  DeviceBuffer<L> scratch;
  moments<T>({device_keys.view(), device_values.view(), device_weights.data()}, out.view(), scratch, stream);
  stream.wait();
  expect_moments<T>(keys.view(), values.view(), weights, out.download());
  EXPECT_TRUE(out.gaps_are_unwritten());
}

template <class T>
void check_formats_like() {
  for_every_order([] {
    check_pairs<T>({0, 5, 3, 0});
    check_pairs<T>({1, 1, 1, 0});
    check_pairs<T>({15, 64, 64, 1});
    check_pairs<T>({33, 65, 63, 0});  // a tile and a bit
    check_pairs<T>({17, 4, 130, 5});
    check_pairs<T>({300, 7, 5, 0});   // one range of more rows than a sum from zero
    check_pairs<T>({2600, 3, 9, 2});  // more ranges than slices of them
  });
}

TEST(DeviceMoments, OfPairsF32) { check_formats_like<float>(); }
TEST(DeviceMoments, OfPairsF64) { check_formats_like<double>(); }
TEST(DeviceMoments, OfPairsBf16) { check_formats_like<Bf16>(); }
TEST(DeviceMoments, OfPairsF16) { check_formats_like<F16>(); }

TEST(DeviceMoments, OfOneViewAreSymmetricToTheBit) {
  for_every_order([] {
    for (const Size& size : {Size{40, 70, 70, 3}, Size{300, 66, 66, 0}, Size{0, 66, 66, 0}}) {
      const Stream stream;
      const Matrix<float> keys = random_rows<float>(size.m, size.key_dim, kKeys);
      const Matrix<float> weights = some_weights<float>(size.m);
      const DeviceMatrix<float> device_keys(keys.view(), size.gap);
      DeviceMatrix<float> device_weights(weights.view()), out(size.key_dim, size.key_dim, size.gap);
      DeviceBuffer<float> scratch;
      moments<float>({device_keys.view(), device_keys.view(), device_weights.data()}, out.view(), scratch, stream);
      stream.wait();
      const Matrix<float> found = out.download();
      expect_moments<float>(keys.view(), keys.view(), weights, found);
      for (std::int64_t i = 0; i < found.rows(); ++i) {
        for (std::int64_t j = 0; j < i; ++j) ASSERT_EQ(found(i, j), found(j, i)) << i << ' ' << j;
      }
    }
  });
}

// The first columns of the same rows: nothing is symmetric.
TEST(DeviceMoments, OfTwoWidthsOfOneMatrix) {
  for_every_order([] {
    const Stream stream;
    const Matrix<float> rows = random_rows<float>(50, 90, kKeys);
    const Matrix<float> weights = some_weights<float>(50);
    const DeviceMatrix<float> on_device(rows.view());
    DeviceMatrix<float> device_weights(weights.view()), out(90, 20);
    DeviceBuffer<float> scratch;
    const MatrixView<const float> few = on_device.view().slice_cols(0, 20);
    moments<float>({on_device.view(), few, device_weights.data()}, out.view(), scratch, stream);
    stream.wait();
    expect_moments<float>(rows.view(), rows.view().slice_cols(0, 20), weights, out.download());
  });
}

TEST(DeviceMoments, AreTheSameBitsEveryTime) {
  const Stream stream;
  const Matrix<float> keys = random_rows<float>(3000, 10, kKeys);
  const Matrix<float> weights = some_weights<float>(3000);
  const DeviceMatrix<float> device_keys(keys.view());
  DeviceMatrix<float> device_weights(weights.view());
  DeviceBuffer<float> scratch;
  std::vector<Matrix<float>> found;
  for_every_order([&] {
    for (int time = 0; time < 2; ++time) {
      DeviceMatrix<float> out(10, 10);
      moments<float>({device_keys.view(), device_keys.view(), device_weights.data()}, out.view(), scratch, stream);
      stream.wait();
      found.push_back(out.download());
    }
  });
  for (const Matrix<float>& other : found) {
    EXPECT_EQ(std::memcmp(other.data(), found.front().data(), 100 * sizeof(float)), 0);
  }
}

// Beside the first product of 2^24, one more in f32 is lost; not those that are summed apart from it.
TEST(DeviceMoments, SumsOfSomeRowsBeginAtZero) {
  for_every_order([] {
    const std::int64_t m = 511;
    static_assert(moment_ranges(m, 1, 1) == 1);
    Matrix<float> keys(m, 1), weights(1, m);
    std::fill_n(keys.data(), m, 1.0f);
    std::fill_n(weights.data(), m, 1.0f);
    keys(0, 0) = 0x1p12f;
    const Stream stream;
    const DeviceMatrix<float> device_keys(keys.view());
    DeviceMatrix<float> device_weights(weights.view()), out(1, 1);
    DeviceBuffer<float> scratch;
    moments<float>({device_keys.view(), device_keys.view(), device_weights.data()}, out.view(), scratch, stream);
    stream.wait();
    EXPECT_EQ(out.download()(0, 0), 0x1p24f + 256);
  });
}

// One key outweighs all others by 10^10: f32 sums must keep it, to the last bits.
TEST(DeviceMoments, KeepADominatingKey) {
  for_every_order([] {
    const Stream stream;
    Matrix<float> keys = random_rows<float>(700, 6, kKeys);
    for (std::int64_t j = 0; j < 6; ++j) keys(431, j) = 1e5f * static_cast<float>(j + 1);
    const Matrix<float> weights = some_weights<float>(700);
    const DeviceMatrix<float> device_keys(keys.view());
    DeviceMatrix<float> device_weights(weights.view()), out(6, 6);
    DeviceBuffer<float> scratch;
    moments<float>({device_keys.view(), device_keys.view(), device_weights.data()}, out.view(), scratch, stream);
    stream.wait();
    expect_moments<float>(keys.view(), keys.view(), weights, out.download());
  });
}

double weight_of(MomentWeight kind, double square, double width) {
  if (kind == MomentWeight::plain) return 1;
  return kind == MomentWeight::metric ? 1 / (1 + square / width) : 1 / std::sqrt(1 + square / width);
}

template <class T>
void expect_weights(std::int64_t m, std::int64_t cols, std::int64_t gap) {
  const Stream stream;
  const Matrix<T> keys = random_rows<T>(m, cols, kKeys);
  const DeviceMatrix<T> device_keys(keys.view(), gap);
  for (const MomentWeight kind : {MomentWeight::metric, MomentWeight::map, MomentWeight::plain}) {
    DeviceMatrix<Accumulator<T>> weights(1, m);
    moment_weights<T>(device_keys.view(), kind, weights.data(), stream);
    stream.wait();
    const Matrix<Accumulator<T>> found = weights.download();
    for (std::int64_t k = 0; k < m; ++k) {
      double square = 0;
      for (std::int64_t j = 0; j < cols; ++j) square += std::pow(static_cast<double>(keys(k, j)), 2);
      const double expected = weight_of(kind, square, static_cast<double>(cols));
      ASSERT_NEAR(static_cast<double>(found(0, k)), expected, kTolerance<T> / 4 * expected) << m << ' ' << cols;
    }
  }
}

TEST(DeviceMoments, WeightsAreThoseOfTheModels) {
  for_every_order([] {
    expect_weights<float>(0, 4, 0);
    expect_weights<float>(1, 1, 0);
    expect_weights<float>(21, 67, 5);
    expect_weights<double>(9, 33, 1);
    expect_weights<Bf16>(17, 31, 2);
    expect_weights<F16>(8, 64, 0);
  });
}

TEST(DeviceMoments, RangesFillADeviceAndAreWorthTheirSum) {
  static_assert(moment_ranges(0, 64, 64) == 1 && moment_ranges(511, 64, 64) == 1 && moment_ranges(512, 64, 64) == 2);
  static_assert(moment_ranges(1 << 20, 64, 64) == 512 && moment_ranges(1 << 20, 65, 64) == 256);
  static_assert(moment_ranges(1 << 20, 4096, 4096) == 1 && moment_ranges(1000, 0, 4) == 3);
}

}  // namespace
}  // namespace knowscale::cuda

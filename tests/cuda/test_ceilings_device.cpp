// SPDX-License-Identifier: BSD-3-Clause
// The ceilings of a device: they are numbers, and what they time is done.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "core/half.hpp"
#include "kernels/cuda/ceilings/ceilings.hpp"
#include "kernels/cuda/ceilings/dense_product.hpp"
#include "kernels/cuda/ceilings/streams.hpp"
#include "kernels/cuda/ceilings/timing.hpp"
#include "kernels/cuda/cuda.hpp"
#include "on_device.hpp"
#include "orders.hpp"

namespace knowscale::cuda {
namespace {

TEST(DeviceCeilings, AreMeasured) {
  use_device(0);
  const DeviceRates rates = measure_device_rates(0.01);
  for (const double rate : {rates.copy, rates.read, rates.f32, rates.tf32, rates.bf16, rates.f16}) {
    EXPECT_TRUE(std::isfinite(rate));
    EXPECT_GT(rate, 0);
  }
}

TEST(DeviceStreams, ReadEveryWordOnce) {
  for_every_order([] {
    for (const std::int64_t count : {0, 3, 4, 8191, 8192, 100003}) {
      const Stream stream;
      DeviceBuffer<std::uint32_t> data(count + 4), sums(5);
      fill_random(reinterpret_cast<float*>(data.data()), count + 4, 9, stream);
      sum_words(data.data(), count, sums.data(), 5, stream);
      stream.wait();
      const Matrix<std::uint32_t> words = download(data.data(), 1, count), found = download(sums.data(), 1, 5);
      const auto sum = [](const Matrix<std::uint32_t>& all) {
        return std::accumulate(all.data(), all.data() + all.size(), std::uint32_t{0});
      };
      EXPECT_EQ(sum(found), sum(words)) << count;
    }
  });
}

template <class T>
void expect_random() {
  constexpr std::int64_t count = 40000;
  const Stream stream;
  DeviceBuffer<T> data(count), other(count);
  fill_random(data.data(), count, 1, stream);
  fill_random(other.data(), count, 2, stream);
  stream.wait();
  const Matrix<T> a = download(data.data(), 1, count), b = download(other.data(), 1, count);
  double sum = 0, square = 0, product = 0, next = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(a(0, i)), y = static_cast<double>(b(0, i));
    ASSERT_LE(std::abs(x), 1.74) << i;
    sum += x, square += x * x, product += x * y;
    next += x * static_cast<double>(a(0, (i + 1) % count));
  }
  for (const double moment : {sum, square - count, product, next}) {
    EXPECT_LT(std::abs(moment) / count, 5 / std::sqrt(static_cast<double>(count)));
  }
}

TEST(DeviceStreams, FillsAreRandom) {
  expect_random<float>();
  expect_random<Bf16>();
  expect_random<F16>();
}

// Column-major c = a^T b.
template <class T>
void expect_product(DenseKind kind, double tolerance) {
  constexpr std::int64_t n = 32;
  const Stream stream;
  DeviceBuffer<T> a(n * n), b(n * n), c(n * n);
  fill_random(a.data(), n * n, 1, stream);
  fill_random(b.data(), n * n, 2, stream);
  DenseProduct product(kind, n);
  product.run(a.data(), b.data(), c.data(), stream);
  stream.wait();
  const Matrix<T> left = download(a.data(), n, n), right = download(b.data(), n, n), found = download(c.data(), n, n);
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < n; ++i) {
      double sum = 0;
      for (std::int64_t k = 0; k < n; ++k) sum += static_cast<double>(left(i, k)) * static_cast<double>(right(j, k));
      ASSERT_NEAR(static_cast<double>(found(j, i)), sum, tolerance * (1 + std::abs(sum))) << i << ' ' << j;
    }
  }
}

TEST(DenseProducts, MatchTheDefinition) {
  expect_product<float>(DenseKind::f32, 1e-5);
  expect_product<float>(DenseKind::tf32, 2e-2);
  expect_product<Bf16>(DenseKind::bf16, 1e-2);
  expect_product<F16>(DenseKind::f16, 2e-3);
}

TEST(Timing, RepeatsAsOftenAsAsked) {
  const Stream stream;
  int calls = 0;
  const auto count = [&](int) { ++calls; };
  EXPECT_EQ(seconds_of(count, {.seconds = 0, .least = 7}, stream).size(), 7u);
  EXPECT_EQ(calls, 2 + 7);
  EXPECT_EQ(seconds_of(count, {.seconds = 1e9, .least = 1, .most = 30}, stream).size(), 30u);
}

}  // namespace
}  // namespace knowscale::cuda

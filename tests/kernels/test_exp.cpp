// SPDX-License-Identifier: BSD-3-Clause
// The exponential of kernel `simd`, on every instruction set, over all numbers it may be given.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/test_exp.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "kernels/every_target.hpp"
#include "kernels/simd/exp-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {

template <int kDegree, class T>
void evaluate(const T* x, std::size_t count, T* any, T* small) {
  const hn::ScalableTag<T> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  auto peak = hn::Zero(du);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    hn::StoreU(exp2_of_score<kDegree>(d, hn::LoadU(d, x + i)), d, any + i);
    hn::StoreU(exp2_of_small_score<kDegree>(d, hn::LoadU(d, x + i), peak), d, small + i);
  }
}

void evaluate_f32(const float* x, std::size_t n, float* any, float* small) { evaluate<5>(x, n, any, small); }
void evaluate_coarse(const float* x, std::size_t n, float* any, float* small) { evaluate<3>(x, n, any, small); }
void evaluate_f64(const double* x, std::size_t n, double* any, double* small) { evaluate<11>(x, n, any, small); }

// The largest relative errors against 2^x in f64, in units of u = 2^-24, of both functions over `count` consecutive
// floats from x on, for the exact and the coarse polynomial.
void errors_of(float x, std::size_t count, double* exact, double* coarse) {
  constexpr std::size_t kBlock = 1024;
  std::vector<float> xs(kBlock), any(kBlock), small(kBlock);
  std::vector<double> wide(kBlock), truth(kBlock), other(kBlock);
  for (std::size_t done = 0; done < count; done += kBlock) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      xs[i] = x;
      wide[i] = static_cast<double>(x);
      x = std::nextafterf(x, x > 0 ? std::numeric_limits<float>::infinity() : -std::numeric_limits<float>::infinity());
    }
    evaluate_f64(wide.data(), kBlock, truth.data(), other.data());
    for (double* worst : {exact, coarse}) {
      (worst == exact ? evaluate_f32 : evaluate_coarse)(xs.data(), kBlock, any.data(), small.data());
      for (std::size_t i = 0; i < kBlock; ++i) {
        if (wide[i] < -125 || wide[i] > 127) continue;
        const double first = std::abs(static_cast<double>(any[i]) / truth[i] - 1);
        const double second = std::abs(static_cast<double>(small[i]) / truth[i] - 1);
        *worst = std::max({*worst, first * 0x1p24, second * 0x1p24});
      }
    }
  }
}

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace knowscale {
namespace {

HWY_EXPORT(evaluate_f32);
HWY_EXPORT(evaluate_f64);
HWY_EXPORT(errors_of);

// All floats from 2^-25, below which 2^x rounds to 1, to the ends of the range. The slow targets take the binades that
// hold most of the work of a polynomial: |x| from 1/4 to 4.
TEST(Exp2, IsWithinTwoUlpForEveryFloatInRange) {
  for_every_target([](std::int64_t target) {
    const bool fast = target == HWY_AVX3 || target == HWY_AVX2;
    double exact = 0, coarse = 0;
    for (int exponent = fast ? -25 : -2; exponent < (fast ? 7 : 2); ++exponent) {
      for (const float sign : {-1.0f, 1.0f}) {
        HWY_DYNAMIC_DISPATCH(errors_of)(std::ldexp(sign, exponent), std::size_t{1} << 23, &exact, &coarse);
      }
    }
    EXPECT_LT(exact, 4);    // 2 ulp: an ulp is at least 2^-24 relative
    EXPECT_GT(exact, 0.5);  // no function rounds better: something was measured
    EXPECT_LT(coarse, 8e-5 * 0x1p24);
  });
}

TEST(Exp2, IsWithinTwoUlpInDoublePrecision) {
  for_every_target([] {
    std::vector<double> x(4096), any(x.size()), small(x.size());
    for (int scale = -30; scale < 10; ++scale) {
      for (std::size_t i = 0; i < x.size(); ++i) {
        x[i] = std::ldexp(1 + static_cast<double>(i) / static_cast<double>(x.size()), scale) * (i % 2 == 0 ? -1 : 1);
      }
      HWY_DYNAMIC_DISPATCH(evaluate_f64)(x.data(), x.size(), any.data(), small.data());
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (x[i] < -1021 || x[i] > 1023) continue;
        ASSERT_NEAR(any[i] / std::exp2(x[i]), 1, 0x1p-51) << x[i];
        ASSERT_NEAR(small[i] / std::exp2(x[i]), 1, 0x1p-51) << x[i];
      }
    }
  });
}

TEST(Exp2, GivesTheLeastNormalNumberBelowTheRangeAndNaNForEveryNaN) {
  for_every_target([] {
    const float infinity = std::numeric_limits<float>::infinity();
    std::vector<float> x(16, 0.0f), any(16), small(16);
    x[0] = -infinity;
    x[1] = -1e30f;
    x[2] = -126.5f;
    x[3] = std::bit_cast<float>(0x7fc00001u);  // payloads that an exponent's addition would turn into numbers
    x[4] = std::bit_cast<float>(0xffc001ffu);
    x[5] = std::numeric_limits<float>::quiet_NaN();
    HWY_DYNAMIC_DISPATCH(evaluate_f32)(x.data(), x.size(), any.data(), small.data());
    for (const int i : {0, 1, 2}) {
      EXPECT_FLOAT_EQ(any[static_cast<std::size_t>(i)], 0x1p-125f);
      EXPECT_FLOAT_EQ(small[static_cast<std::size_t>(i)], 0x1p-125f);
    }
    for (const int i : {3, 4, 5}) EXPECT_TRUE(std::isnan(any[static_cast<std::size_t>(i)])) << i;
    EXPECT_EQ(any[6], any[7]);
    EXPECT_NEAR(any[6], 1, 1e-6);
  });
}

}  // namespace
}  // namespace knowscale
#endif  // HWY_ONCE

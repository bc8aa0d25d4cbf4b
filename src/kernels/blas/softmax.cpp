// SPDX-License-Identifier: BSD-3-Clause
// Compiled once for each instruction set that Highway knows for this compiler; chosen at run time.
#include "kernels/blas/softmax.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include "kernels/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/blas/softmax.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "kernels/simd/exp-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace knowscale::blas::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using knowscale::HWY_NAMESPACE::exp2_of_score;
using knowscale::HWY_NAMESPACE::kExactDegree;

template <class T>
T maximum(const T* row, std::int64_t count) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto m0 = hn::Set(d, -std::numeric_limits<T>::infinity()), m1 = m0;
  std::int64_t j = 0;
  for (; j + 2 * lanes <= count; j += 2 * lanes) {
    m0 = hn::Max(m0, hn::LoadU(d, row + j));
    m1 = hn::Max(m1, hn::LoadU(d, row + j + lanes));
  }
  T result = hn::GetLane(hn::MaxOfLanes(d, hn::Max(m0, m1)));
  for (; j < count; ++j) result = row[j] > result ? row[j] : result;
  return result;
}

// exp(x) for x <= 0, to 2 + |x| units of roundoff.
template <class D>
HWY_INLINE hn::Vec<D> exp_of_nonpositive(D d, hn::Vec<D> x) {
  using T = hn::TFromD<D>;
  return exp2_of_score<kExactDegree<T>>(d, hn::Mul(x, hn::Set(d, static_cast<T>(1.44269504088896340736))));
}

// row = exp(row - shift), shift at least the row's maximum; returns the sum.
template <class T>
T exponentiate(T* row, std::int64_t count, T shift) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto minus = hn::Set(d, shift);
  auto s0 = hn::Zero(d), s1 = hn::Zero(d);
  std::int64_t j = 0;
  for (; j + 2 * lanes <= count; j += 2 * lanes) {
    const auto e0 = exp_of_nonpositive(d, hn::Sub(hn::LoadU(d, row + j), minus));
    const auto e1 = exp_of_nonpositive(d, hn::Sub(hn::LoadU(d, row + j + lanes), minus));
    hn::StoreU(e0, d, row + j);
    hn::StoreU(e1, d, row + j + lanes);
    s0 = hn::Add(s0, e0);
    s1 = hn::Add(s1, e1);
  }
  T sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
  for (; j < count; ++j) {
    row[j] = std::exp(row[j] - shift);
    sum += row[j];
  }
  return sum;
}

template <class T>
void softmax_block_of(MatrixView<T> scores, MatrixView<T> state) {
  const std::int64_t l = state.cols - 2, m = state.cols - 1;
  for (std::int64_t i = 0; i < scores.rows; ++i) {
    T* row = state.row(i);
    const T highest = maximum(scores.row(i), scores.cols);
    if (highest == -std::numeric_limits<T>::infinity()) {  // every key of the block is hidden
      std::fill_n(scores.row(i), scores.cols, T{0});
      continue;
    }
    if (highest > row[m]) {
      const T factor = std::exp(row[m] - highest);  // 0 for the first block, where m is -inf
      for (std::int64_t j = 0; j <= l; ++j) row[j] *= factor;
      row[m] = highest;
    }
    row[l] += exponentiate(scores.row(i), scores.cols, row[m]);
  }
}

void softmax_block_f32(MatrixView<float> scores, MatrixView<float> state) { softmax_block_of(scores, state); }
void softmax_block_f64(MatrixView<double> scores, MatrixView<double> state) { softmax_block_of(scores, state); }

}  // namespace knowscale::blas::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace knowscale::blas {

HWY_EXPORT(softmax_block_f32);
HWY_EXPORT(softmax_block_f64);

template <>
void softmax_block(MatrixView<float> scores, MatrixView<float> state) {
  HWY_DYNAMIC_DISPATCH(softmax_block_f32)(scores, state);
}

template <>
void softmax_block(MatrixView<double> scores, MatrixView<double> state) {
  HWY_DYNAMIC_DISPATCH(softmax_block_f64)(scores, state);
}

}  // namespace knowscale::blas
#endif  // HWY_ONCE

// SPDX-License-Identifier: BSD-3-Clause
// Compiled once for each instruction set that Highway knows for this compiler; chosen at run time.
//
//   for each block of rows, copied as sums are kept: C[i][j] += (a_k k_k[i]) * v_k[j], tiles of 8 x 2 vectors; where
//   keys are values, those on and above the diagonal alone: below it C is mirrored at the end
#include "kernels/moments.hpp"

#include <algorithm>
#include <utility>
#include <vector>
#include "kernels/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/moments.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "kernels/simd/key_block-inl.hpp"
#include "kernels/simd/outer_product-inl.hpp"
#include "kernels/threads.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::simd::HWY_NAMESPACE {
using namespace knowscale::HWY_NAMESPACE;  // NOLINT: of the same target
namespace hn = hwy::HWY_NAMESPACE;

// Rows of a block: with their weighted copy in the second level of cache.
inline constexpr std::int64_t kBlockRows = 256;

// sums (widths padded to whole tiles) += moments; where keys are values, wrong below the diagonal.
template <class T>
void add_moments(MatrixView<const T> keys, MatrixView<const T> values, const Accumulator<T>* weights,
                 MatrixView<Accumulator<T>> sums) {
  using L = Accumulator<T>;
  using Op = Broadcast<L>;
  constexpr int kVectors = 2, kTileRows = kAccumulators / kVectors;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(typename Op::D()));
  const bool symmetric = keys.data == values.data && keys.cols == values.cols;
  Matrix<L> plain(kBlockRows, sums.cols), weighted(kBlockRows, sums.rows);
  for (std::int64_t begin = 0; begin < keys.rows; begin += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, keys.rows - begin);
    copy_rows<T, L>(values.slice_rows({begin, begin + count}), plain.view().slice_rows({0, count}));
    copy_rows<T, L>(keys.slice_rows({begin, begin + count}), weighted.view().slice_rows({0, count}));
    for (std::int64_t k = 0; k < count; ++k) {
      for (std::int64_t j = 0; j < sums.rows; ++j) weighted(k, j) *= weights[begin + k];
    }
    for (std::int64_t i = 0; i < sums.rows; i += kTileRows) {
      const std::int64_t first = symmetric ? i / (kVectors * lanes) * kVectors * lanes : 0;
      for (std::int64_t j = first; j < sums.cols; j += kVectors * lanes) {
        outer_product<kTileRows, kVectors, 1, 1>(
            Op(), count, weighted.data() + i, 1, weighted.cols(), plain.data() + j, plain.cols(), FromZero<Op>(),
            [&](auto row, auto v, auto sum) KNOWSCALE_ATTR {
              L* at = sums.row(i + decltype(row)::value) + j + decltype(v)::value * lanes;
              hn::StoreU(hn::Add(hn::LoadU(typename Op::D(), at), sum), typename Op::D(), at);
            },
            ColumnAhead<L>{weighted.data() + i + weighted.cols(), weighted.cols()});
      }
    }
  }
}

void add_moments_f32(MatrixView<const float> k, MatrixView<const float> v, const float* w, MatrixView<float> s) {
  add_moments(k, v, w, s);
}
void add_moments_f64(MatrixView<const double> k, MatrixView<const double> v, const double* w, MatrixView<double> s) {
  add_moments(k, v, w, s);
}
void add_moments_bf16(MatrixView<const Bf16> k, MatrixView<const Bf16> v, const float* w, MatrixView<float> s) {
  add_moments(k, v, w, s);
}
void add_moments_f16(MatrixView<const F16> k, MatrixView<const F16> v, const float* w, MatrixView<float> s) {
  add_moments(k, v, w, s);
}

}  // namespace knowscale::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace knowscale {
namespace simd {
namespace {

HWY_EXPORT(add_moments_f32);
HWY_EXPORT(add_moments_f64);
HWY_EXPORT(add_moments_bf16);
HWY_EXPORT(add_moments_f16);

void add(MatrixView<const float> k, MatrixView<const float> v, const float* w, MatrixView<float> s) {
  HWY_DYNAMIC_DISPATCH(add_moments_f32)(k, v, w, s);
}
void add(MatrixView<const double> k, MatrixView<const double> v, const double* w, MatrixView<double> s) {
  HWY_DYNAMIC_DISPATCH(add_moments_f64)(k, v, w, s);
}
void add(MatrixView<const Bf16> k, MatrixView<const Bf16> v, const float* w, MatrixView<float> s) {
  HWY_DYNAMIC_DISPATCH(add_moments_bf16)(k, v, w, s);
}
void add(MatrixView<const F16> k, MatrixView<const F16> v, const float* w, MatrixView<float> s) {
  HWY_DYNAMIC_DISPATCH(add_moments_f16)(k, v, w, s);
}

std::int64_t whole_tiles(std::int64_t width) {
  constexpr std::int64_t kWidestTile = 2 * 64 / sizeof(float);  // two vectors of 512 bits: a multiple of every tile
  return (width + kWidestTile - 1) / kWidestTile * kWidestTile;
}

}  // namespace
}  // namespace simd

template <class T>
void moments(MatrixView<const T> keys, MatrixView<const T> values, std::span<const Accumulator<T>> weights,
             MatrixView<Accumulator<T>> out, const Threads& threads) {
  using L = Accumulator<T>;
  std::vector<Matrix<L>> sums;
  for (int part = 0; part < threads.count(); ++part) {
    sums.emplace_back(simd::whole_tiles(keys.cols), simd::whole_tiles(values.cols));
  }
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    Matrix<L>& mine = sums[static_cast<std::size_t>(part)];
    std::fill_n(mine.data(), mine.size(), L{0});
    const RowRange range = row_range(keys.rows, threads.count(), part);
    simd::add(keys.slice_rows(range), values.slice_rows(range), weights.data() + range.begin, mine.view());
  });
  const bool symmetric = keys.data == values.data && keys.cols == values.cols;
  for (std::int64_t i = 0; i < keys.cols; ++i) {
    for (std::int64_t j = symmetric ? i : 0; j < values.cols; ++j) {
      L sum = 0;
      for (const Matrix<L>& part : sums) sum += part(i, j);
      out(i, j) = sum;
      if (symmetric) out(j, i) = sum;
    }
  }
}

template void moments(MatrixView<const float>, MatrixView<const float>, std::span<const float>, MatrixView<float>,
                      const Threads&);
template void moments(MatrixView<const double>, MatrixView<const double>, std::span<const double>, MatrixView<double>,
                      const Threads&);
template void moments(MatrixView<const Bf16>, MatrixView<const Bf16>, std::span<const float>, MatrixView<float>,
                      const Threads&);
template void moments(MatrixView<const F16>, MatrixView<const F16>, std::span<const float>, MatrixView<float>,
                      const Threads&);

}  // namespace knowscale
#endif  // HWY_ONCE

// SPDX-License-Identifier: BSD-3-Clause
// Compiled once for each instruction set that Highway knows for this compiler; chosen at run time.
//
//   for each block of rows Z_b, copied as sums are kept: C[i][j] += (a_k z_k[i]) * z_k[j], tiles of 8 x 2 vectors on
//   and above the diagonal alone; below it C is mirrored at the end
#include "kernels/moments.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/moments.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "kernels/simd/key_block-inl.hpp"
#include "kernels/simd/outer_product-inl.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::simd::HWY_NAMESPACE {
using namespace knowscale::HWY_NAMESPACE;  // NOLINT: of the same target
namespace hn = hwy::HWY_NAMESPACE;

// Rows of a block: with their weighted copy in the second level of cache.
inline constexpr std::int64_t kBlockRows = 256;

// sums (widths padded to whole tiles) += rows' moments; wrong below the diagonal.
template <class T>
void add_moments(MatrixView<const T> rows, const Accumulator<T>* weights, MatrixView<Accumulator<T>> sums) {
  using L = Accumulator<T>;
  using Op = Broadcast<L>;
  constexpr int kVectors = 2, kTileRows = kAccumulators / kVectors;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(typename Op::D()));
  Matrix<L> plain(kBlockRows, sums.cols), weighted(kBlockRows, sums.cols);
  for (std::int64_t begin = 0; begin < rows.rows; begin += kBlockRows) {
    const std::int64_t count = std::min(kBlockRows, rows.rows - begin);
    copy_rows<T, L>(rows.slice_rows({begin, begin + count}), plain.view().slice_rows({0, count}));
    for (std::int64_t k = 0; k < count; ++k) {
      for (std::int64_t j = 0; j < sums.cols; ++j) weighted(k, j) = weights[begin + k] * plain(k, j);
    }
    for (std::int64_t i = 0; i < sums.rows; i += kTileRows) {
      for (std::int64_t j = i / (kVectors * lanes) * kVectors * lanes; j < sums.cols; j += kVectors * lanes) {
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

void add_moments_f32(MatrixView<const float> r, const float* w, MatrixView<float> s) { add_moments(r, w, s); }
void add_moments_f64(MatrixView<const double> r, const double* w, MatrixView<double> s) { add_moments(r, w, s); }
void add_moments_bf16(MatrixView<const Bf16> r, const float* w, MatrixView<float> s) { add_moments(r, w, s); }
void add_moments_f16(MatrixView<const F16> r, const float* w, MatrixView<float> s) { add_moments(r, w, s); }

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

void add(MatrixView<const float> r, const float* w, MatrixView<float> s) {
  HWY_DYNAMIC_DISPATCH(add_moments_f32)(r, w, s);
}
void add(MatrixView<const double> r, const double* w, MatrixView<double> s) {
  HWY_DYNAMIC_DISPATCH(add_moments_f64)(r, w, s);
}
void add(MatrixView<const Bf16> r, const float* w, MatrixView<float> s) {
  HWY_DYNAMIC_DISPATCH(add_moments_bf16)(r, w, s);
}
void add(MatrixView<const F16> r, const float* w, MatrixView<float> s) {
  HWY_DYNAMIC_DISPATCH(add_moments_f16)(r, w, s);
}

}  // namespace
}  // namespace simd

template <class T>
void moments(MatrixView<const T> rows, std::span<const Accumulator<T>> weights, MatrixView<Accumulator<T>> out,
             const Threads& threads) {
  using L = Accumulator<T>;
  constexpr std::int64_t kWidestTile = 2 * 64 / sizeof(L);  // two vectors of 512 bits: a multiple of every tile
  const std::int64_t width = (rows.cols + kWidestTile - 1) / kWidestTile * kWidestTile;
  std::vector<Matrix<L>> sums;
  for (int part = 0; part < threads.count(); ++part) sums.emplace_back(width, width);
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    Matrix<L>& mine = sums[static_cast<std::size_t>(part)];
    std::fill_n(mine.data(), mine.size(), L{0});
    const RowRange range = row_range(rows.rows, threads.count(), part);
    simd::add(rows.slice_rows(range), weights.data() + range.begin, mine.view());
  });
  for (std::int64_t i = 0; i < rows.cols; ++i) {
    for (std::int64_t j = i; j < rows.cols; ++j) {
      L sum = 0;
      for (const Matrix<L>& part : sums) sum += part(i, j);
      out(i, j) = out(j, i) = sum;
    }
  }
}

template void moments(MatrixView<const float>, std::span<const float>, MatrixView<float>, const Threads&);
template void moments(MatrixView<const double>, std::span<const double>, MatrixView<double>, const Threads&);
template void moments(MatrixView<const Bf16>, std::span<const float>, MatrixView<float>, const Threads&);
template void moments(MatrixView<const F16>, std::span<const float>, MatrixView<float>, const Threads&);

}  // namespace knowscale
#endif  // HWY_ONCE

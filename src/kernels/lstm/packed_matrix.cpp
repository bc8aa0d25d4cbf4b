// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/lstm/packed_matrix.hpp"

#include <cassert>

#define KNOWSCALE_ARRAYS_OF_VECTORS  // accumulators
#include "kernels/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lstm/packed_matrix.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include "kernels/lstm/panel-inl.hpp"
#include "kernels/threads.hpp"

HWY_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {

// Where one vector of a stream lies in rows of N columns, and how many of its lanes exist there.
struct Place {
  std::int64_t column;
  std::int64_t count;
};

template <class T>
HWY_INLINE Place place_of(const PackedMatrix<T>& matrix, int stream, std::int64_t offset) {
  return {stream * matrix.stream_cols() + offset, matrix.columns_from(stream, offset)};
}

// Rows of c = a times S streams of a panel from `stream` on, one vector of each (at `lane`), plus bias.
template <int R, int S, class T>
HWY_INLINE void multiply_tile(const PackedMatrix<T>& matrix, std::int64_t panel, int stream, std::int64_t lane,
                              MatrixView<const T> a, const T* bias, MatrixView<T> c) {
  const PanelTag<T> d;
  const std::int64_t offset = panel * matrix.kLanes + lane;
  PanelVec<T> sums[R][S];
#pragma GCC unroll 4
  for (int s = 0; s < S; ++s) {
    const Place place = place_of(matrix, stream + s, offset);
    const auto start =
        bias != nullptr && place.count > 0 ? load_first(d, bias + place.column, place.count) : hn::Zero(d);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) sums[r][s] = start;
  }
  multiply_add(a, matrix.panel(panel, stream) + lane, sums);
#pragma GCC unroll 4
  for (int s = 0; s < S; ++s) {
    const Place place = place_of(matrix, stream + s, offset);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) store_first(sums[r][s], d, c.row(r) + place.column, place.count);
  }
}

// The columns of c that one panel of `matrix` holds.
template <class T>
void multiply_panel(const PackedMatrix<T>& matrix, std::int64_t panel, MatrixView<const T> a, MatrixView<const T> bias,
                    MatrixView<T> c) {
  constexpr auto kVector = static_cast<std::int64_t>(hn::MaxLanes(PanelTag<T>()));
  for_row_tiles(a.rows, [&](auto tile_rows, std::int64_t first) {
    constexpr int kRows = decltype(tile_rows)::value, kAtOnce = kStreamsAtOnce<kRows>;
    const RowRange rows = {first, first + kRows};
    for (int stream = 0; stream < kStreams; stream += kAtOnce) {
      for (std::int64_t lane = 0; lane < matrix.kLanes; lane += kVector) {
        multiply_tile<kRows, kAtOnce>(matrix, panel, stream, lane, a.slice_rows(rows), bias.data, c.slice_rows(rows));
      }
    }
  });
}

void multiply_panel_f32(const PackedMatrix<float>& matrix, std::int64_t panel, MatrixView<const float> a,
                        MatrixView<const float> bias, MatrixView<float> c) {
  multiply_panel(matrix, panel, a, bias, c);
}

void multiply_panel_f64(const PackedMatrix<double>& matrix, std::int64_t panel, MatrixView<const double> a,
                        MatrixView<const double> bias, MatrixView<double> c) {
  multiply_panel(matrix, panel, a, bias, c);
}

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace knowscale {
namespace {

HWY_EXPORT(multiply_panel_f32);
HWY_EXPORT(multiply_panel_f64);

void multiply_panel(const PackedMatrix<float>& matrix, std::int64_t panel, MatrixView<const float> a,
                    MatrixView<const float> bias, MatrixView<float> c) {
  HWY_DYNAMIC_DISPATCH(multiply_panel_f32)(matrix, panel, a, bias, c);
}

void multiply_panel(const PackedMatrix<double>& matrix, std::int64_t panel, MatrixView<const double> a,
                    MatrixView<const double> bias, MatrixView<double> c) {
  HWY_DYNAMIC_DISPATCH(multiply_panel_f64)(matrix, panel, a, bias, c);
}

// Rows of `a` that pass through all panels before the next ones do. A panel comes from L3 once for so many rows,
// which so reach the rate of OpenBLAS: 0.88 of the FMA rate with K = 1024 (0.76 with 96 rows), 0.90 with K = 256.
constexpr std::int64_t kBlockRows = 384;

}  // namespace

template <class T>
PackedMatrix<T>::PackedMatrix(MatrixView<const T> matrix) : rows_(matrix.rows), cols_(matrix.cols) {
  panels_ = Matrix<T>((stream_cols() + kLanes - 1) / kLanes, rows_ * kStreams * kLanes);
  std::fill(panels_.span().begin(), panels_.span().end(), T{0});
  for (std::int64_t k = 0; k < rows_; ++k) {
    for (std::int64_t j = 0; j < cols_; ++j) {
      const std::int64_t stream = j / stream_cols(), offset = j % stream_cols();
      const std::int64_t half = stream / 2 * rows_;
      panels_.row(offset / kLanes)[((half + k) * 2 + stream % 2) * kLanes + offset % kLanes] = matrix(k, j);
    }
  }
}

template <class T>
void PackedMatrix<T>::multiply(MatrixView<const T> a, MatrixView<const T> bias, MatrixView<T> c,
                               const Threads& threads) const {
  assert(a.cols == rows_ && c.cols == cols_ && c.rows == a.rows);
  const std::int64_t blocks = (a.rows + kBlockRows - 1) / kBlockRows;
  threads.parallel_for(blocks * panels(), [&](std::int64_t task) {
    const RowRange rows = row_range(a.rows, blocks, task / panels());
    multiply_panel(*this, task % panels(), a.slice_rows(rows), bias, c.slice_rows(rows));
  });
}

template class PackedMatrix<float>;
template class PackedMatrix<double>;

}  // namespace knowscale
#endif  // HWY_ONCE

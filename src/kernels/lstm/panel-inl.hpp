// SPDX-License-Identifier: BSD-3-Clause
// The inner product of packed_matrix.cpp and lstm.cpp: a tile of a few rows times one panel, for each
// instruction set. Included again for every target (Highway's convention for -inl headers).
// NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_LSTM_PANEL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_LSTM_PANEL_INL
#undef KNOWSCALE_KERNELS_LSTM_PANEL_INL
#else
#define KNOWSCALE_KERNELS_LSTM_PANEL_INL
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

#include "core/partition.hpp"
#include "kernels/lstm/packed_matrix.hpp"

HWY_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr int kStreams = 4;

// Rows of the largest tile: its accumulators (rows x two streams), two vectors of the panel and one broadcast
// fill the registers. Tiles of at most half as many rows take all four streams at once.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3 || HWY_TARGET == HWY_SSE2
inline constexpr int kTileRows = 6;
#else
inline constexpr int kTileRows = 12;
#endif

// Streams that a tile of R rows takes at once.
template <int R>
inline constexpr int kStreamsAtOnce = 2 * R <= kTileRows ? kStreams : kStreams / 2;

// The widest vector of at most one cache line: a panel holds one or more of them a stream.
template <class T>
using PanelTag = hn::CappedTag<T, PackedMatrix<T>::kLanes>;

template <class T>
using PanelVec = hn::Vec<PanelTag<T>>;

// Kept out of line: the compiler sees it in every tile size.
template <class T>
HWY_NOINLINE void copy_lanes(const T* from, std::int64_t count, T* to) {
  for (std::int64_t j = 0; j < count; ++j) to[j] = from[j];
}

// The first `count` lanes of a vector, or all if it has fewer; nothing behind them is read or written.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_first(D d, const T* from, std::int64_t count) {
  if (HWY_LIKELY(count >= static_cast<std::int64_t>(hn::MaxLanes(d)))) return hn::LoadU(d, from);
  HWY_ALIGN T lanes[hn::MaxLanes(d)] = {};
  copy_lanes(from, count, lanes);
  return hn::Load(d, lanes);
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_first(hn::Vec<D> v, D d, T* to, std::int64_t count) {
  if (HWY_LIKELY(count >= static_cast<std::int64_t>(hn::MaxLanes(d)))) return hn::StoreU(v, d, to);
  HWY_ALIGN T lanes[hn::MaxLanes(d)];
  hn::Store(v, d, lanes);
  copy_lanes(lanes, count, to);
}

// sums += a (R x K) times S streams of a panel, first those of the half at `panel` (one vector of each).
template <int R, int S, class T>
HWY_INLINE void multiply_add(MatrixView<const T> a, const T* HWY_RESTRICT panel, PanelVec<T> (&sums)[R][S]) {
  const PanelTag<T> d;
  constexpr int kLanes = PackedMatrix<T>::kLanes;
  const T* HWY_RESTRICT left = a.data;
  const std::int64_t half = a.cols * 2 * kLanes;
  for (std::int64_t k = 0; k < a.cols; ++k, panel += 2 * kLanes) {
    PanelVec<T> right[S];
#pragma GCC unroll 4
    for (int s = 0; s < S; ++s) right[s] = hn::Load(d, panel + s / 2 * half + s % 2 * kLanes);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      const auto value = hn::Set(d, left[r * a.stride + k]);
#pragma GCC unroll 4
      for (int s = 0; s < S; ++s) sums[r][s] = hn::MulAdd(value, right[s], sums[r][s]);
    }
  }
}

// Calls tile(std::integral_constant<int, rows>, first), rows <= R.
template <int R, class Tile>
HWY_INLINE void call_tile(std::int64_t rows, std::int64_t first, const Tile& tile) {
  if (rows == R) {
    tile(std::integral_constant<int, R>{}, first);
  } else if constexpr (R > 1) {
    call_tile<R - 1>(rows, first, tile);
  }
}

// Calls `tile` for tiles of at most kTileRows rows that cover `rows` as evenly as possible: 13 rows are
// 7 + 6, as a tile of 1 would wait for its additions.
template <class Tile>
HWY_INLINE void for_row_tiles(std::int64_t rows, const Tile& tile) {
  const std::int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const RowRange range = row_range(rows, tiles, i);
    call_tile<kTileRows>(range.size(), range.begin, tile);
  }
}

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_LSTM_PANEL_INL

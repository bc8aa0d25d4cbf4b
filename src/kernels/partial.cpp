// SPDX-License-Identifier: BSD-3-Clause
// The algebra of partial states: identity, merge, rescale, normalise. Rows are [o | l | m]. Compiled once for each
// instruction set that Highway knows for this compiler; chosen at run time.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/partial.hpp"
#include "kernels/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/partial.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "kernels/simd/exp-inl.hpp"
#include "kernels/threads.hpp"

HWY_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows whose exponentials are taken together; whole vectors.
inline constexpr std::int64_t kRowsAtOnce = 32;

// weights[i] = exp(m[i] - to[i]), to[i] >= m[i]: exactly 1 where they are equal, 0 for the identity's m = -inf whatever
// to[i] is. All of kRowsAtOnce numbers.
template <class T>
void relative_weights(const T* m, const T* to, T* weights) {
  const hn::ScalableTag<T> d;
  const auto identity = hn::Set(d, -std::numeric_limits<T>::infinity());
  for (std::int64_t i = 0; i < kRowsAtOnce; i += static_cast<std::int64_t>(hn::Lanes(d))) {
    const auto from = hn::LoadU(d, m + i), at = hn::LoadU(d, to + i);
    const auto exponent = hn::Mul(hn::Sub(from, at), hn::Set(d, static_cast<T>(1.44269504088896340736)));
    const auto weight = hn::IfThenElse(hn::Eq(from, at), hn::Set(d, T{1}), exp2_of_score<kExactDegree<T>>(d, exponent));
    hn::StoreU(hn::IfThenZeroElse(hn::Eq(from, identity), weight), d, weights + i);
  }
}

// Calls body(first, count) for groups of at most kRowsAtOnce rows.
template <class Body>
void for_row_groups(std::int64_t rows, const Body& body) {
  for (std::int64_t first = 0; first < rows; first += kRowsAtOnce) body(first, std::min(kRowsAtOnce, rows - first));
}

// States larger than this are taken to come from memory.
inline constexpr std::int64_t kCachedBytes = 512 << 10;

// Asks for a row that is a group ahead: the maxima of a group are gathered first, which breaks the stride that the
// processor's own prefetcher follows (30 against 54 GB/s from memory, Zen 5; 25 % slower where states are in cache).
template <class T>
void prefetch_ahead(const T* row, std::int64_t cols) {
  constexpr std::int64_t line = 64 / sizeof(T);
  for (std::int64_t j = 0; j < cols; j += line) __builtin_prefetch(row + kRowsAtOnce * cols + j);
}

// The row with the smaller m is brought to the larger one and added: the same to the bit whichever row is which.
template <class T>
void merge_rows(MatrixView<T> into, MatrixView<const T> from) {
  const std::int64_t m = into.cols - 1;  // columns 0 .. m - 1 are o and l, which merge alike
  const bool from_memory = into.size() * static_cast<std::int64_t>(sizeof(T)) > kCachedBytes;
  T minima[kRowsAtOnce] = {}, maxima[kRowsAtOnce] = {}, weights[kRowsAtOnce];
  for_row_groups(into.rows, [&](std::int64_t first, std::int64_t count) HWY_ATTR {
    for (std::int64_t i = 0; i < count; ++i) {
      minima[i] = std::min(into(first + i, m), from(first + i, m));
      maxima[i] = std::max(into(first + i, m), from(first + i, m));
    }
    relative_weights(minima, maxima, weights);
    for (std::int64_t i = 0; i < count; ++i) {
      T* HWY_RESTRICT a = into.row(first + i);
      const T* HWY_RESTRICT b = from.row(first + i);
      if (from_memory) {
        prefetch_ahead<T>(a, into.cols);
        prefetch_ahead<T>(b, from.cols);
      }
      const T weight = weights[i];
      if (a[m] >= b[m]) {
        for (std::int64_t j = 0; j < m; ++j) a[j] += weight * b[j];
      } else {
        for (std::int64_t j = 0; j < m; ++j) a[j] = weight * a[j] + b[j];
      }
      a[m] = maxima[i];
    }
  });
}

template <class T>
void rescale_rows(MatrixView<T> rows, const T* maxima) {
  const std::int64_t m = rows.cols - 1;
  const bool from_memory = rows.size() * static_cast<std::int64_t>(sizeof(T)) > kCachedBytes;
  T from[kRowsAtOnce] = {}, to[kRowsAtOnce] = {}, weights[kRowsAtOnce];
  for_row_groups(rows.rows, [&](std::int64_t first, std::int64_t count) HWY_ATTR {
    for (std::int64_t i = 0; i < count; ++i) from[i] = rows(first + i, m);
    std::copy_n(maxima + first, count, to);
    relative_weights(from, to, weights);
    for (std::int64_t i = 0; i < count; ++i) {
      T* HWY_RESTRICT row = rows.row(first + i);
      if (from_memory) prefetch_ahead<T>(row, rows.cols);
      const T weight = weights[i];
      if (weight != T{1}) {  // as it is in 1 / p of all rows where p ranks agree on maxima
        for (std::int64_t j = 0; j < m; ++j) row[j] *= weight;
      }
      row[m] = to[i];
    }
  });
}

template <class T>
void normalise_rows(MatrixView<const T> rows, MatrixView<T> out) {
  const std::int64_t value_dim = rows.cols - 2;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const T sum = rows(i, value_dim);
    const T inverse = sum == T{0} ? T{0} : T{1} / sum;
    const T* HWY_RESTRICT from = rows.row(i);
    T* HWY_RESTRICT to = out.row(i);
    for (std::int64_t j = 0; j < value_dim; ++j) to[j] = from[j] * inverse;
  }
}

void merge_f32(MatrixView<float> into, MatrixView<const float> from) { merge_rows(into, from); }
void merge_f64(MatrixView<double> into, MatrixView<const double> from) { merge_rows(into, from); }
void rescale_f32(MatrixView<float> rows, const float* maxima) { rescale_rows(rows, maxima); }
void rescale_f64(MatrixView<double> rows, const double* maxima) { rescale_rows(rows, maxima); }
void normalise_f32(MatrixView<const float> rows, MatrixView<float> out) { normalise_rows(rows, out); }
void normalise_f64(MatrixView<const double> rows, MatrixView<double> out) { normalise_rows(rows, out); }

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace knowscale {

HWY_EXPORT(merge_f32);
HWY_EXPORT(merge_f64);
HWY_EXPORT(rescale_f32);
HWY_EXPORT(rescale_f64);
HWY_EXPORT(normalise_f32);
HWY_EXPORT(normalise_f64);

template <>
void merge(MatrixView<float> into, MatrixView<const float> from) {
  HWY_DYNAMIC_DISPATCH(merge_f32)(into, from);
}
template <>
void merge(MatrixView<double> into, MatrixView<const double> from) {
  HWY_DYNAMIC_DISPATCH(merge_f64)(into, from);
}
template <>
void rescale(MatrixView<float> rows, std::span<const float> maxima) {
  HWY_DYNAMIC_DISPATCH(rescale_f32)(rows, maxima.data());
}
template <>
void rescale(MatrixView<double> rows, std::span<const double> maxima) {
  HWY_DYNAMIC_DISPATCH(rescale_f64)(rows, maxima.data());
}
template <>
void normalise(MatrixView<const float> rows, MatrixView<float> out) {
  HWY_DYNAMIC_DISPATCH(normalise_f32)(rows, out);
}
template <>
void normalise(MatrixView<const double> rows, MatrixView<double> out) {
  HWY_DYNAMIC_DISPATCH(normalise_f64)(rows, out);
}

template <class T>
void clear(MatrixView<T> rows) {
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    std::fill_n(rows.row(i), rows.cols - 1, T{0});
    rows(i, rows.cols - 1) = -std::numeric_limits<T>::infinity();
  }
}

// Calls body(range) for a range of rows on each thread; on one alone where waking the others would take longer.
template <class Body>
void for_row_ranges(std::int64_t rows, std::int64_t cols, const Threads& threads, const Body& body) {
  constexpr std::int64_t kLeastNumbers = 1 << 15;
  const std::int64_t parts = std::clamp<std::int64_t>(rows * cols / kLeastNumbers, 1, threads.count());
  threads.parallel_for(parts, [&](std::int64_t part) { body(row_range(rows, parts, part)); });
}

template <class T>
void merge(MatrixView<T> into, MatrixView<const T> from, const Threads& threads) {
  for_row_ranges(into.rows, into.cols, threads,
                 [&](RowRange range) { merge(into.slice_rows(range), from.slice_rows(range)); });
}

template <class T>
void rescale(MatrixView<T> rows, std::span<const T> maxima, const Threads& threads) {
  for_row_ranges(rows.rows, rows.cols, threads, [&](RowRange range) {
    rescale(rows.slice_rows(range),
            maxima.subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.size())));
  });
}

template <class T>
void add(MatrixView<T> into, MatrixView<const T> from, const Threads& threads) {
  for_row_ranges(into.rows, into.cols, threads, [&](RowRange range) {
    for (std::int64_t i = range.begin; i < range.end; ++i) {
      T* HWY_RESTRICT a = into.row(i);
      const T* HWY_RESTRICT b = from.row(i);
      for (std::int64_t j = 0; j < into.cols; ++j) a[j] += b[j];
    }
  });
}

template <class T>
void normalise(MatrixView<const T> rows, MatrixView<T> out, const Threads& threads) {
  for_row_ranges(rows.rows, rows.cols, threads,
                 [&](RowRange range) { normalise(rows.slice_rows(range), out.slice_rows(range)); });
}

template <class T>
Partial<T>::Partial(std::int64_t queries, const HeadShape& shape)
    : queries_(queries), heads_(shape.heads), rows_(queries * shape.heads, shape.value_dim + 2) {
  clear(rows());
}

template void clear(MatrixView<float>);
template void clear(MatrixView<double>);
template void merge(MatrixView<float>, MatrixView<const float>, const Threads&);
template void merge(MatrixView<double>, MatrixView<const double>, const Threads&);
template void rescale(MatrixView<float>, std::span<const float>, const Threads&);
template void rescale(MatrixView<double>, std::span<const double>, const Threads&);
template void add(MatrixView<float>, MatrixView<const float>, const Threads&);
template void add(MatrixView<double>, MatrixView<const double>, const Threads&);
template void normalise(MatrixView<const float>, MatrixView<float>, const Threads&);
template void normalise(MatrixView<const double>, MatrixView<double>, const Threads&);
template class Partial<float>;
template class Partial<double>;

}  // namespace knowscale
#endif  // HWY_ONCE

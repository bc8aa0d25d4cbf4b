// SPDX-License-Identifier: BSD-3-Clause
// The algebra of partial states: identity, merge, rescale, normalise. Rows are [o | l | m].
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/attention.hpp"

namespace knowscale {
namespace {

// exp(m - to), and 0 for the identity's m = -inf whatever `to` is.
template <class T>
T weight(T m, T to) {
  return m == -std::numeric_limits<T>::infinity() ? T{0} : std::exp(m - to);
}

}  // namespace

template <class T>
Partial<T>::Partial(std::int64_t queries, const HeadShape& shape)
    : queries_(queries), heads_(shape.heads), rows_(queries * shape.heads, shape.value_dim + 2) {
  clear(rows());
}

template <class T>
void clear(MatrixView<T> rows) {
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    std::fill_n(rows.row(i), rows.cols - 1, T{0});
    rows(i, rows.cols - 1) = -std::numeric_limits<T>::infinity();
  }
}

template <class T>
void merge(MatrixView<T> into, MatrixView<const T> from) {
  const std::int64_t m = into.cols - 1;  // columns 0 .. m - 1 are o and l, which merge alike
  for (std::int64_t i = 0; i < into.rows; ++i) {
    T* a = into.row(i);
    const T* b = from.row(i);
    const T maximum = std::max(a[m], b[m]);
    const T weight_a = weight(a[m], maximum), weight_b = weight(b[m], maximum);
    for (std::int64_t j = 0; j < m; ++j) a[j] = weight_a * a[j] + weight_b * b[j];
    a[m] = maximum;
  }
}

template <class T>
void rescale(MatrixView<T> rows, std::span<const T> maxima) {
  const std::int64_t m = rows.cols - 1;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    T* row = rows.row(i);
    const T factor = weight(row[m], maxima[static_cast<std::size_t>(i)]);
    for (std::int64_t j = 0; j < m; ++j) row[j] *= factor;
    row[m] = maxima[static_cast<std::size_t>(i)];
  }
}

template <class T>
void normalise(MatrixView<const T> rows, MatrixView<T> out) {
  const std::int64_t value_dim = rows.cols - 2;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const T sum = rows(i, value_dim);
    const T inverse = sum == T{0} ? T{0} : T{1} / sum;
    for (std::int64_t j = 0; j < value_dim; ++j) out(i, j) = rows(i, j) * inverse;
  }
}

template class Partial<float>;
template class Partial<double>;
template void clear(MatrixView<float>);
template void clear(MatrixView<double>);
template void merge(MatrixView<float>, MatrixView<const float>);
template void merge(MatrixView<double>, MatrixView<const double>);
template void rescale(MatrixView<float>, std::span<const float>);
template void rescale(MatrixView<double>, std::span<const double>);
template void normalise(MatrixView<const float>, MatrixView<float>);
template void normalise(MatrixView<const double>, MatrixView<double>);

}  // namespace knowscale

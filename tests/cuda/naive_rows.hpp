// SPDX-License-Identifier: BSD-3-Clause
// The algebra of states [o | l | m] (kernels/attention.hpp) by plain loops in f64.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/matrix.hpp"

namespace knowscale::cuda::naive {

inline void clear(Matrix<float>& rows) {
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    for (std::int64_t j = 0; j < rows.cols(); ++j) {
      rows(i, j) = j == rows.cols() - 1 ? -std::numeric_limits<float>::infinity() : 0.0f;
    }
  }
}

// exp(m - to); 1 for two identities.
inline double weight(float m, float to) {
  return m == to ? 1 : std::exp(static_cast<double>(m) - static_cast<double>(to));
}

inline void merge(Matrix<float>& into, const Matrix<float>& from) {
  const std::int64_t m = into.cols() - 1;
  for (std::int64_t i = 0; i < into.rows(); ++i) {
    const float maximum = std::max(into(i, m), from(i, m));
    const double a = weight(into(i, m), maximum), b = weight(from(i, m), maximum);
    for (std::int64_t j = 0; j < m; ++j) {
      into(i, j) = static_cast<float>(a * static_cast<double>(into(i, j)) + b * static_cast<double>(from(i, j)));
    }
    into(i, m) = maximum;
  }
}

inline void rescale(Matrix<float>& rows, const Matrix<float>& maxima) {
  const std::int64_t m = rows.cols() - 1;
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    const double scale = weight(rows(i, m), maxima(0, i));
    for (std::int64_t j = 0; j < m; ++j) rows(i, j) = static_cast<float>(scale * static_cast<double>(rows(i, j)));
    rows(i, m) = maxima(0, i);
  }
}

inline Matrix<float> normalised(const Matrix<float>& rows) {
  Matrix<float> out(rows.rows(), rows.cols() - 2);
  for (std::int64_t i = 0; i < out.rows(); ++i) {
    const float sum = rows(i, out.cols());
    for (std::int64_t j = 0; j < out.cols(); ++j) out(i, j) = sum == 0.0f ? 0.0f : rows(i, j) / sum;
  }
  return out;
}

}  // namespace knowscale::cuda::naive

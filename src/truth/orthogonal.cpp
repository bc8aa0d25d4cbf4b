// SPDX-License-Identifier: BSD-3-Clause
#include "truth/orthogonal.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "core/random.hpp"

namespace knowscale {
namespace {

double dot(const double* a, const double* b, std::int64_t size) { return std::inner_product(a, a + size, b, 0.0); }

// row -= its part along the first `count` rows of an orthonormal basis, twice.
void remove_span(const Matrix<double>& basis, std::int64_t count, double* row) {
  for (int pass = 0; pass < 2; ++pass) {
    for (std::int64_t k = 0; k < count; ++k) {
      const double along = dot(row, basis.row(k), basis.cols());
      for (std::int64_t j = 0; j < basis.cols(); ++j) row[j] -= along * basis(k, j);
    }
  }
}

}  // namespace

void orthonormalise(Matrix<double>& rows) {
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    double* row = rows.row(i);
    const double before = std::sqrt(dot(row, row, rows.cols()));
    remove_span(rows, i, row);
    const double length = std::sqrt(dot(row, row, rows.cols()));
    const double inverse = length > 1e-12 * before ? 1 / length : 0;
    for (std::int64_t j = 0; j < rows.cols(); ++j) row[j] *= inverse;
  }
}

Matrix<double> haar(std::int64_t size, std::uint64_t seed, std::int64_t draw) {
  Matrix<double> q(size, size);
  for (std::int64_t i = 0; i < size; ++i) {
    fill_normal(seed, Draw::rotation, draw * size + i, {q.row(i), static_cast<std::size_t>(size)});
  }
  orthonormalise(q);
  if (draw % 2 == 1) std::transform(q.row(0), q.row(1), q.row(0), std::negate<>());
  return q;
}

Matrix<double> signed_permutation(std::int64_t size, std::uint64_t seed, std::int64_t draw) {
  std::vector<double> numbers(static_cast<std::size_t>(size)), signs(numbers.size());
  fill_normal(seed, Draw::rotation, 2 * draw, numbers);
  fill_normal(seed, Draw::rotation, 2 * draw + 1, signs);
  std::vector<std::size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return numbers[a] < numbers[b]; });
  Matrix<double> q(size, size);
  std::fill_n(q.data(), q.size(), 0.0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    q(static_cast<std::int64_t>(i), static_cast<std::int64_t>(order[i])) = signs[i] < 0 ? -1 : 1;
  }
  if (draw % 2 == 1) std::transform(q.row(0), q.row(1), q.row(0), std::negate<>());
  return q;
}

double least_squares_residual(const Matrix<double>& basis, const Matrix<double>& targets) {
  Matrix<double> orthonormal(basis.rows(), basis.cols());
  std::copy_n(basis.data(), basis.size(), orthonormal.data());
  orthonormalise(orthonormal);
  double longest = 0, furthest = 0;
  std::vector<double> row(static_cast<std::size_t>(targets.cols()));
  for (std::int64_t i = 0; i < targets.rows(); ++i) {
    std::copy_n(targets.row(i), targets.cols(), row.begin());
    longest = std::max(longest, std::sqrt(dot(row.data(), row.data(), targets.cols())));
    remove_span(orthonormal, orthonormal.rows(), row.data());
    furthest = std::max(furthest, std::sqrt(dot(row.data(), row.data(), targets.cols())));
  }
  return furthest / longest;
}

}  // namespace knowscale

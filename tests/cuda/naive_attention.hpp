// SPDX-License-Identifier: BSD-3-Clause
// Random problems of attention, and their softmax written out in f64.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "core/half.hpp"
#include "core/matrix.hpp"

namespace knowscale::cuda {

struct Shape {
  int n, m, heads, kv_heads, key_dim, value_dim;
};

// What a kernel may do to a weight and to a score, relative.
template <class T>
inline constexpr double kTolerance = std::is_same_v<T, Bf16> ? 1e-2 : std::is_same_v<T, F16> ? 1.5e-3 : 4e-6;

template <class T>
Matrix<T> random_matrix(std::int64_t rows, std::int64_t cols, double size) {
  std::mt19937 generator(static_cast<unsigned>(rows * 7919 + cols));
  std::normal_distribution<float> normal(0, static_cast<float>(size));
  Matrix<T> matrix(rows, cols);
  for (T& x : matrix.span()) x = T(normal(generator));
  return matrix;
}

template <class T>
struct Problem {
  Shape shape;
  double scale = 0;
  Matrix<T> queries, keys, values;
  bool causal = false;
  std::int64_t offset = 0;
  std::vector<std::uint8_t> visible;

  explicit Problem(Shape s, double size = 1)
      : shape(s),
        scale(1 / std::sqrt(s.key_dim)),
        queries(random_matrix<T>(s.n, s.heads * s.key_dim, 1)),
        keys(random_matrix<T>(s.m, s.kv_heads * s.key_dim, size)),
        values(random_matrix<T>(s.m, s.kv_heads * s.value_dim, 1)) {}

  bool sees(int query, int key) const {
    return (!causal || key <= query + offset) && (visible.empty() || visible[static_cast<std::size_t>(key)] != 0);
  }
};

// Scores so large that their rounding is more than weights hold; one key leads by far.
template <class T>
Problem<T> with_large_scores(Shape s, double scale) {
  Problem<T> p(s);
  p.scale = scale;
  for (int i = 0; i < s.n; ++i) p.queries(i, 0) = T(1.0f);
  for (int k = 0; k < s.m; ++k) p.keys(k, 0) = T(k == s.m * 2 / 3 ? 100.0f : 0.0f);
  return p;
}

// [o / l | lse] of one row; zeros and -inf where no key is seen.
template <class T>
std::vector<double> expected_row(const Problem<T>& p, int query, int head) {
  const Shape& s = p.shape;
  const int kv = head / (s.heads / s.kv_heads);
  std::vector<double> scores(static_cast<std::size_t>(s.m), -std::numeric_limits<double>::infinity());
  double highest = -std::numeric_limits<double>::infinity();
  for (int k = 0; k < s.m; ++k) {
    if (!p.sees(query, k)) continue;
    double sum = 0;
    for (int c = 0; c < s.key_dim; ++c) {
      sum += static_cast<double>(p.queries(query, head * s.key_dim + c)) * static_cast<double>(p.keys(k, kv * s.key_dim + c));
    }
    scores[static_cast<std::size_t>(k)] = p.scale * sum;
    highest = std::max(highest, p.scale * sum);
  }
  std::vector<double> row(static_cast<std::size_t>(s.value_dim) + 1, 0.0);
  double total = 0;
  for (int k = 0; k < s.m; ++k) {
    const double score = scores[static_cast<std::size_t>(k)];
    if (std::isinf(score)) continue;
    const double weight = std::exp(score - highest);
    total += weight;
    for (int c = 0; c < s.value_dim; ++c) {
      row[static_cast<std::size_t>(c)] += weight * static_cast<double>(p.values(k, kv * s.value_dim + c));
    }
  }
  for (int c = 0; c < s.value_dim; ++c) row[static_cast<std::size_t>(c)] /= total > 0 ? total : 1;
  row.back() = total > 0 ? highest + std::log(total) : -std::numeric_limits<double>::infinity();
  return row;
}

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
#include "truth/representation.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/precision.hpp"
#include "core/random.hpp"
#include "truth/orthogonal.hpp"

namespace knowscale {
namespace {

constexpr std::int64_t kTokens = 5, kVectors = 7, kWidth = 12, kCopies = 4;  // 12 rows in 48 dimensions

using Rows = Matrix<double>;
using Target = std::function<Rows(const Rows& x, const Rows& z)>;

Rows product(const Rows& a, const Rows& b, bool transposed) {
  const std::int64_t inner = transposed ? b.cols() : b.rows(), cols = transposed ? b.rows() : b.cols();
  Rows out(a.rows(), cols);
  std::fill_n(out.data(), out.size(), 0.0);
  for (std::int64_t i = 0; i < out.rows(); ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      for (std::int64_t k = 0; k < inner; ++k) out(i, j) += a(i, k) * (transposed ? b(j, k) : b(k, j));
    }
  }
  return out;
}

// rows^T rows over their number.
Rows moment(const Rows& rows) {
  Rows out(rows.cols(), rows.cols());
  std::fill_n(out.data(), out.size(), 0.0);
  for (std::int64_t k = 0; k < rows.rows(); ++k) {
    for (std::int64_t i = 0; i < rows.cols(); ++i) {
      for (std::int64_t j = 0; j < rows.cols(); ++j) {
        out(i, j) += rows(k, i) * rows(k, j) / static_cast<double>(rows.rows());
      }
    }
  }
  return out;
}

// sin(X X^T) X + tanh(X Z^T + |z|^2 / d) Z + X S_Z S_X, S = moments.
Rows equivariant(const Rows& x, const Rows& z) {
  Rows to_tokens = product(x, x, true), to_vectors = product(x, z, true);
  const Rows z_gram = product(z, z, true);
  for (double& score : to_tokens.span()) score = std::sin(score);
  for (std::int64_t i = 0; i < to_vectors.rows(); ++i) {
    for (std::int64_t k = 0; k < to_vectors.cols(); ++k) {
      to_vectors(i, k) = std::tanh(to_vectors(i, k) + z_gram(k, k) / static_cast<double>(kWidth));
    }
  }
  const Rows from_tokens = product(to_tokens, x, false), from_vectors = product(to_vectors, z, false);
  Rows out = product(product(x, moment(z), false), moment(x), false);
  for (std::int64_t i = 0; i < out.size(); ++i) out.data()[i] += from_tokens.data()[i] + from_vectors.data()[i];
  return out;
}

// The same, and a nonlinearity of each component.
Rows with_activation(const Rows& x, const Rows& z) {
  Rows out = equivariant(x, z);
  for (std::int64_t i = 0; i < out.size(); ++i) out.data()[i] += std::max(x.data()[i], 0.0);
  return out;
}

Rows random_rows(std::int64_t count, std::uint64_t seed, Draw draw) {
  Rows rows(count, kWidth);
  for (std::int64_t i = 0; i < count; ++i) {
    fill_normal(seed, draw, i, {rows.row(i), static_cast<std::size_t>(kWidth)});
  }
  return rows;
}

void put(const Rows& from, Rows& to, std::int64_t row, std::int64_t copy) {
  for (std::int64_t i = 0; i < from.rows(); ++i) std::copy_n(from.row(i), kWidth, to.row(row + i) + copy * kWidth);
}

double residual_of(const Target& target, std::uint64_t seed) {
  const Rows x = random_rows(kTokens, seed, Draw::queries), z = random_rows(kVectors, seed, Draw::keys);
  Rows basis(kTokens + kVectors, kCopies * kWidth), values(kTokens, kCopies * kWidth);
  for (std::int64_t s = 0; s < kCopies; ++s) {
    const Rows q = haar(kWidth, seed, s);
    const Rows xq = product(x, q, false), zq = product(z, q, false);
    put(xq, basis, 0, s);
    put(zq, basis, kTokens, s);
    put(target(xq, zq), values, 0, s);
  }
  return least_squares_residual(basis, values);
}

}  // namespace

std::vector<RepresentationCheck> check_representation(std::uint64_t seed) {
  // Sums of some hundred terms, each rounded, and the conditioning of some ten rows.
  const double bound = 1e4 * unit_roundoff(Precision::f64);
  return {{"equivariant target", true, residual_of(equivariant, seed), bound},
          {"target with an activation", false, residual_of(with_activation, seed), bound}};
}

}  // namespace knowscale

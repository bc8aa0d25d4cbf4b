// SPDX-License-Identifier: BSD-3-Clause
// Random elements of O(d), and least squares by orthonormal rows.
#pragma once

#include <cstdint>

#include "core/matrix.hpp"

namespace knowscale {

// A Haar-distributed orthogonal matrix: Gram-Schmidt on a Gaussian one, whose R has a positive diagonal, which is the
// sign fix (Mezzadri 2007). Odd draws have one row negated, so that both determinants come up.
Matrix<double> haar(std::int64_t size, std::uint64_t seed, std::int64_t draw);

// A random permutation of the axes with random signs: an element of O(d) that rounds nothing in any format. Odd draws
// have determinant -1 times that of the permutation's.
Matrix<double> signed_permutation(std::int64_t size, std::uint64_t seed, std::int64_t draw);

// Makes rows orthonormal (Gram-Schmidt twice: Giraud & Langou 2005); a row that depends on those before it becomes
// zero.
void orthonormalise(Matrix<double>& rows);

// The largest distance of a row of `targets` from the span of the rows of `basis`, over the largest length of a target:
// what least squares with any coefficients leaves.
double least_squares_residual(const Matrix<double>& basis, const Matrix<double>& targets);

}  // namespace knowscale

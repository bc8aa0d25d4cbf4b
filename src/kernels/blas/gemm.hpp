// SPDX-License-Identifier: BSD-3-Clause
// The one door to CBLAS. OpenBLAS runs one thread a call; parallelism comes from the caller's arena.
#pragma once

#include <string>

#include "core/matrix.hpp"
#include "kernels/threads.hpp"

namespace knowscale::blas {

// C = alpha A B + beta C with A (m x k), B (k x n), C (m x n); row-major views with any stride.
template <class T>
void gemm(T alpha, MatrixView<const T> a, MatrixView<const T> b, T beta, MatrixView<T> c);

// C = alpha A B^T + beta C with A (m x k), B (n x k), C (m x n).
template <class T>
void gemm_transposed(T alpha, MatrixView<const T> a, MatrixView<const T> b, T beta, MatrixView<T> c);

// C = A B with the rows of C divided over the threads.
template <class T>
void gemm(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c, const Threads& threads);

// Library, version and the CPU code path that it chose, e.g. "OpenBLAS 0.3.21 SkylakeX".
std::string version();

// One line of warning where OpenBLAS runs narrower vectors than this CPU has (OPENBLAS_CORETYPE in the
// environment, or a library older than the CPU: half the rate and more are lost), else empty.
std::string narrow_code_path();

}  // namespace knowscale::blas

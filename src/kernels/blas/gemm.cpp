// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/blas/gemm.hpp"

#include <cblas.h>

#include <cstdlib>
#include <limits>
#include <string>

#include "core/error.hpp"
#include "core/partition.hpp"
#include "kernels/threads.hpp"

namespace knowscale::blas {
namespace {

void one_thread_a_call() {
  static const bool once = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(once);
}

// BLAS counts with its own int.
blasint blas_count(std::int64_t count) {
  require(count <= std::numeric_limits<blasint>::max(), ExitStatus::usage,
          "a matrix of " + std::to_string(count) +
              " rows or columns exceeds what BLAS counts: use more ranks, fewer "
              "queries (n, batch) or columns (d, hidden), or kernel = \"simd\"");
  return static_cast<blasint>(count);
}

void call(CBLAS_TRANSPOSE transpose_b, float alpha, MatrixView<const float> a, MatrixView<const float> b, float beta,
          MatrixView<float> c) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, transpose_b, blas_count(c.rows), blas_count(c.cols), blas_count(a.cols),
              alpha, a.data, blas_count(a.stride), b.data, blas_count(b.stride), beta, c.data, blas_count(c.stride));
}

void call(CBLAS_TRANSPOSE transpose_b, double alpha, MatrixView<const double> a, MatrixView<const double> b,
          double beta, MatrixView<double> c) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, transpose_b, blas_count(c.rows), blas_count(c.cols), blas_count(a.cols),
              alpha, a.data, blas_count(a.stride), b.data, blas_count(b.stride), beta, c.data, blas_count(c.stride));
}

bool cpu_has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

}  // namespace

template <class T>
void gemm(T alpha, MatrixView<const T> a, MatrixView<const T> b, T beta, MatrixView<T> c) {
  one_thread_a_call();
  call(CblasNoTrans, alpha, a, b, beta, c);
}

template <class T>
void gemm_transposed(T alpha, MatrixView<const T> a, MatrixView<const T> b, T beta, MatrixView<T> c) {
  one_thread_a_call();
  call(CblasTrans, alpha, a, b, beta, c);
}

template <class T>
void gemm(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c, const Threads& threads) {
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    const RowRange rows = row_range(c.rows, threads.count(), part);
    if (rows.size() > 0) gemm(T{1}, a.slice_rows(rows), b, T{0}, c.slice_rows(rows));
  });
}

template void gemm(float, MatrixView<const float>, MatrixView<const float>, float, MatrixView<float>);
template void gemm(double, MatrixView<const double>, MatrixView<const double>, double, MatrixView<double>);
template void gemm_transposed(float, MatrixView<const float>, MatrixView<const float>, float, MatrixView<float>);
template void gemm_transposed(double, MatrixView<const double>, MatrixView<const double>, double, MatrixView<double>);
template void gemm(MatrixView<const float>, MatrixView<const float>, MatrixView<float>, const Threads&);
template void gemm(MatrixView<const double>, MatrixView<const double>, MatrixView<double>, const Threads&);

std::string version() {
  const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 ..."
  const std::size_t end = config.find(' ', config.find(' ') + 1);
  return config.substr(0, end) + ' ' + openblas_get_corename();
}

std::string narrow_code_path() {
  const std::string chosen = openblas_get_corename();
  const bool narrow = chosen == "Haswell" || chosen == "Zen" || chosen == "Prescott" || chosen == "Sandybridge";
  if (!narrow || !cpu_has_avx512()) return "";
  const char* forced = std::getenv("OPENBLAS_CORETYPE");
  return "OpenBLAS runs its " + chosen + " code on a CPU with AVX-512: " +
         (forced != nullptr ? "unset OPENBLAS_CORETYPE=" + std::string(forced)
                            : "set OPENBLAS_CORETYPE=SkylakeX or install a newer OpenBLAS");
}

}  // namespace knowscale::blas

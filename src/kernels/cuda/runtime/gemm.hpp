// SPDX-License-Identifier: BSD-3-Clause
// Products of row-major matrices in device memory by cuBLAS: the one door to it, as blas/gemm.hpp is to CBLAS.
#pragma once

#include <cublas_v2.h>

#include <cstdint>
#include <source_location>
#include <string>

#include "core/matrix.hpp"
#include "kernels/cuda/runtime/device.hpp"

namespace knowscale::cuda {

// Throws Error(resource) with the call, the place and what cuBLAS says, unless `status` is success.
void check(cublasStatus_t status, const char* call,
           const std::source_location& place = std::source_location::current());

// A cuBLAS handle of the current device whose calls are queued on `stream`, which has to outlive it. Not for several
// threads at once.
class Blas {
 public:
  explicit Blas(const Stream& stream);
  ~Blas();
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;

  operator cublasHandle_t() const { return handle_; }
  const Stream& stream() const { return stream_; }

 private:
  const Stream& stream_;
  cublasHandle_t handle_ = nullptr;
};

// How numbers of f32 are multiplied: as they are, or rounded to 11 significant bits, which tensor cores take.
enum class Products { exact, tf32 };

// c = alpha a b + beta c, `count` times: each operand of the next product lies `step` numbers behind that of the last.
struct Product {
  double alpha = 1;
  double beta = 0;            // 0: c is only written, whatever it held
  bool b_transposed = false;  // c = alpha a b^T + beta c
  Products products = Products::exact;
  std::int64_t count = 1;
  std::int64_t step_a = 0, step_b = 0, step_c = 0;  // 0: the same operand in every product
};

// Queues the products of a (m x k) and b (k x n; n x k where transposed) to c (m x n), device memory with any stride;
// k > 0. Sums in f32, of f64 in f64. T and Out: float or 16-bit numbers to float, double to double.
template <class T, class Out>
void multiply(const Blas& blas, MatrixView<const T> a, MatrixView<const T> b, MatrixView<Out> c,
              const Product& product = {});

// The library and its version, e.g. "cuBLAS 13.0.0".
std::string blas_version();

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// A row-major matrix is the transpose of a column-major one in the same place, so that c = a b is c^T = b^T a^T to
// cuBLAS: operands change places, and no number moves. The calls with 64-bit sizes, because n m may pass 2^31.
#include "kernels/cuda/runtime/gemm.hpp"

#include <algorithm>
#include <cassert>
#include <type_traits>

#include "core/error.hpp"
#include "core/half.hpp"

namespace knowscale::cuda {
namespace {

constexpr cudaDataType_t type_of(float) { return CUDA_R_32F; }
constexpr cudaDataType_t type_of(double) { return CUDA_R_64F; }
constexpr cudaDataType_t type_of(Bf16) { return CUDA_R_16BF; }
constexpr cudaDataType_t type_of(F16) { return CUDA_R_16F; }

template <class T>
cublasComputeType_t compute_type(Products products) {
  if constexpr (std::is_same_v<T, double>) return CUBLAS_COMPUTE_64F;
  const bool rounded = std::is_same_v<T, float> && products == Products::tf32;
  return rounded ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

// What cuBLAS calls the leading dimension may not be 0, which a view of one row may have.
template <class T>
std::int64_t leading_dimension(MatrixView<T> matrix) {
  assert(matrix.rows <= 1 || matrix.stride >= matrix.cols);
  return std::max(matrix.stride, matrix.cols);
}

}  // namespace

void check(cublasStatus_t status, const char* call, const std::source_location& place) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(ExitStatus::resource, std::string(call) + ": " + cublasGetStatusString(status) + " (" +
                                        cublasGetStatusName(status) + ", " + place.file_name() + ":" +
                                        std::to_string(place.line()) + ")");
}

Blas::Blas(const Stream& stream) : stream_(stream) {
  check(cublasCreate(&handle_), "cublasCreate");
  check(cublasSetStream(handle_, stream), "cublasSetStream");
}
Blas::~Blas() { static_cast<void>(cublasDestroy(handle_)); }

template <class T, class Out>
void multiply(const Blas& blas, MatrixView<const T> a, MatrixView<const T> b, MatrixView<Out> c,
              const Product& product) {
  const std::int64_t inner = product.b_transposed ? b.cols : b.rows;
  assert(a.rows == c.rows && a.cols == inner && (product.b_transposed ? b.rows : b.cols) == c.cols);
  assert(inner > 0);
  if (c.size() == 0 || product.count == 0) return;
  const Out alpha = static_cast<Out>(product.alpha), beta = static_cast<Out>(product.beta);
  check(cublasGemmStridedBatchedEx_64(blas, product.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N, CUBLAS_OP_N, c.cols,
                                      c.rows, inner, &alpha, b.data, type_of(T()), leading_dimension(b), product.step_b,
                                      a.data, type_of(T()), leading_dimension(a), product.step_a, &beta, c.data,
                                      type_of(Out()), leading_dimension(c), product.step_c, product.count,
                                      compute_type<T>(product.products), CUBLAS_GEMM_DEFAULT),
        "cublasGemmStridedBatchedEx");
}

std::string blas_version() {
  std::string version = "cuBLAS ";
  for (const libraryPropertyType part : {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL}) {
    int number = 0;
    check(cublasGetProperty(part, &number), "cublasGetProperty");
    version.append(part == MAJOR_VERSION ? "" : ".").append(std::to_string(number));
  }
  return version;
}

template void multiply(const Blas&, MatrixView<const float>, MatrixView<const float>, MatrixView<float>,
                       const Product&);
template void multiply(const Blas&, MatrixView<const double>, MatrixView<const double>, MatrixView<double>,
                       const Product&);
template void multiply(const Blas&, MatrixView<const Bf16>, MatrixView<const Bf16>, MatrixView<float>, const Product&);
template void multiply(const Blas&, MatrixView<const F16>, MatrixView<const F16>, MatrixView<float>, const Product&);

}  // namespace knowscale::cuda

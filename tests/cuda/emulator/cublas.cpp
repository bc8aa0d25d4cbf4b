// SPDX-License-Identifier: BSD-3-Clause
#include <vector>

#include "cublas_v2.h"
#include "emulator.hpp"
#include "launch.cuh"
#include "stored_numbers.hpp"

struct EmulatedBlas {
  cudaStream_t stream = nullptr;
};

namespace {

using emulator::bytes_of;
using emulator::number_at;
using emulator::rounded_to_tf32;

// A column-major operand as it lies in memory.
struct Operand {
  const void* data;
  cudaDataType_t type;
  std::int64_t rows, cols, leading, stride;
  bool transposed;

  bool fits() const { return rows >= 0 && cols >= 0 && leading >= rows && leading > 0; }
  void require_all(std::int64_t product, const char* name) const {
    if (rows == 0 || cols == 0) return;
    const auto* first =
        static_cast<const unsigned char*>(data) + product * stride * static_cast<std::int64_t>(bytes_of(type));
    emulator::require_device_memory(first, static_cast<std::size_t>((cols - 1) * leading + rows) * bytes_of(type),
                                    name);
  }
  // op(.) of one product, row after row.
  std::vector<double> numbers(std::int64_t product, bool tf32) const {
    std::vector<double> all;
    all.reserve(static_cast<std::size_t>(rows * cols));
    for (std::int64_t i = 0; i < (transposed ? cols : rows); ++i) {
      for (std::int64_t j = 0; j < (transposed ? rows : cols); ++j) {
        const double x = number_at(data, type, product * stride + (transposed ? j + i * leading : i + j * leading));
        all.push_back(tf32 ? rounded_to_tf32(x) : x);
      }
    }
    return all;
  }
};

// c = alpha a b + beta c of one product; a beta of 0 does not read c.
template <class Out>
void multiply_one(const std::vector<double>& a, const std::vector<double>& b, std::int64_t inner, Operand c, Out alpha,
                  Out beta, Out* out) {
  for (std::int64_t i = 0; i < c.rows; ++i) {
    for (std::int64_t j = 0; j < c.cols; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < inner; ++k) {
        sum += a[static_cast<std::size_t>(i * inner + k)] * b[static_cast<std::size_t>(k * c.cols + j)];
      }
      Out& to = out[i + j * c.leading];
      const double kept = beta == Out{0} ? 0 : static_cast<double>(beta) * static_cast<double>(to);
      to = static_cast<Out>(static_cast<double>(alpha) * sum + kept);
    }
  }
}

bool supported(cudaDataType_t a, cudaDataType_t b, cudaDataType_t c, cublasComputeType_t compute) {
  if (a != b) return false;
  if (compute == CUBLAS_COMPUTE_64F) return a == CUDA_R_64F && c == CUDA_R_64F;
  if (compute == CUBLAS_COMPUTE_32F_FAST_TF32) return a == CUDA_R_32F && c == CUDA_R_32F;
  return a != CUDA_R_64F && c == CUDA_R_32F;
}

template <class Out>
void multiply(const Operand& a, const Operand& b, const Operand& c, std::int64_t inner, std::int64_t count,
              const void* alpha, const void* beta, bool tf32) {
  auto* out = static_cast<Out*>(const_cast<void*>(c.data));
  for (std::int64_t p = 0; p < count; ++p) {
    a.require_all(p, "cuBLAS: a");
    b.require_all(p, "cuBLAS: b");
    c.require_all(p, "cuBLAS: c");
    multiply_one(a.numbers(p, tf32), b.numbers(p, tf32), inner, c, *static_cast<const Out*>(alpha),
                 *static_cast<const Out*>(beta), out + p * c.stride);
  }
}

}  // namespace

const char* cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "unknown";
}
const char* cublasGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_EXECUTION_FAILED ? "the function failed to launch on the GPU"
                                                  : cublasGetStatusName(status);
}

cublasStatus_t cublasGetProperty(libraryPropertyType, int* value) {
  *value = 0;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  if (cudaGetLastError() != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = new EmulatedBlas;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmStridedBatchedEx_64(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
                                             std::int64_t m, std::int64_t n, std::int64_t k, const void* alpha,
                                             const void* a, cudaDataType_t type_a, std::int64_t lda, long long stride_a,
                                             const void* b, cudaDataType_t type_b, std::int64_t ldb, long long stride_b,
                                             const void* beta, void* c, cudaDataType_t type_c, std::int64_t ldc,
                                             long long stride_c, std::int64_t count, cublasComputeType_t compute,
                                             cublasGemmAlgo_t) {
  if (handle == nullptr || handle->stream == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const bool ta = transa == CUBLAS_OP_T, tb = transb == CUBLAS_OP_T;
  const Operand left = {a, type_a, ta ? k : m, ta ? m : k, lda, stride_a, ta};
  const Operand right = {b, type_b, tb ? n : k, tb ? k : n, ldb, stride_b, tb};
  const Operand result = {c, type_c, m, n, ldc, stride_c, false};
  if (!left.fits() || !right.fits() || !result.fits() || count < 0) return CUBLAS_STATUS_INVALID_VALUE;
  if (!supported(type_a, type_b, type_c, compute)) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (emulated_launch({1}, {32}, 0) != cudaSuccess) return CUBLAS_STATUS_EXECUTION_FAILED;
  if (compute == CUBLAS_COMPUTE_64F) {
    multiply<double>(left, right, result, k, count, alpha, beta, false);
  } else {
    multiply<float>(left, right, result, k, count, alpha, beta, compute == CUBLAS_COMPUTE_32F_FAST_TF32);
  }
  return CUBLAS_STATUS_SUCCESS;
}

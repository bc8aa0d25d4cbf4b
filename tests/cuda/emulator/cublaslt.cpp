// SPDX-License-Identifier: BSD-3-Clause
#include "cublasLt.h"

#include <cstring>
#include <vector>

#include "emulator.hpp"
#include "launch.cuh"
#include "stored_numbers.hpp"

struct EmulatedLt {};
struct EmulatedProduct {
  cublasComputeType_t compute;
  cublasOperation_t a = CUBLAS_OP_N;
};
struct EmulatedLayout {
  cudaDataType_t type;
  std::int64_t rows, cols, leading;
};
struct EmulatedPreference {};

namespace {

using emulator::bytes_of;

template <class N, class... Arguments>
cublasStatus_t make(N** to, Arguments... arguments) {
  if (cudaGetLastError() != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  *to = new N{arguments...};
  return CUBLAS_STATUS_SUCCESS;
}
template <class N>
cublasStatus_t unmake(N* what) {
  delete what;
  return CUBLAS_STATUS_SUCCESS;
}

void require_all(const void* data, const EmulatedLayout& layout, const char* name) {
  const auto numbers = static_cast<std::size_t>((layout.cols - 1) * layout.leading + layout.rows);
  emulator::require_device_memory(data, numbers * bytes_of(layout.type), name);
}

// Column after column; of the transposed matrix row after row.
std::vector<double> numbers_of(const void* data, const EmulatedLayout& layout, bool tf32) {
  std::vector<double> all;
  all.reserve(static_cast<std::size_t>(layout.rows * layout.cols));
  for (std::int64_t j = 0; j < layout.cols; ++j) {
    for (std::int64_t i = 0; i < layout.rows; ++i) {
      const double x = emulator::number_at(data, layout.type, i + j * layout.leading);
      all.push_back(tf32 ? emulator::rounded_to_tf32(x) : x);
    }
  }
  return all;
}

void store(void* data, cudaDataType_t type, std::int64_t at, double x) {
  switch (type) {
    case CUDA_R_32F: static_cast<float*>(data)[at] = static_cast<float>(x); break;
    case CUDA_R_16F: static_cast<emulator::F16*>(data)[at] = emulator::F16(x); break;
    default: static_cast<emulator::Bf16*>(data)[at] = emulator::Bf16(x); break;
  }
}

}  // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) { return make(handle); }
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return unmake(handle); }
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  if (scale != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  return make(product, compute);
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) { return unmake(product); }
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t,
                                              const void* value, std::size_t bytes) {
  if (bytes != sizeof product->a) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&product->a, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type, std::uint64_t rows,
                                          std::uint64_t cols, std::int64_t leading) {
  return make(layout, type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(cols), leading);
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return unmake(layout); }
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) { return make(preference); }
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) { return unmake(preference); }
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t,
                                                    const void*, std::size_t bytes) {
  return bytes == sizeof(std::uint64_t) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
  *found = a->type == b->type && wanted > 0 ? 1 : 0;
  if (*found == 1) results[0].algo.chosen = true;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t layout_a, const void* b, cublasLtMatrixLayout_t layout_b,
                              const void* beta, const void*, cublasLtMatrixLayout_t, void* d,
                              cublasLtMatrixLayout_t layout_d, const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t) {
  const bool known = handle != nullptr && algorithm->chosen && product->a == CUBLAS_OP_T;
  if (!known || *static_cast<const float*>(beta) != 0.0f) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (layout_a->rows != layout_b->rows || layout_d->rows != layout_a->cols || layout_d->cols != layout_b->cols) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (emulated_launch({1}, {32}, 0) != cudaSuccess) return CUBLAS_STATUS_EXECUTION_FAILED;
  emulator::require_device_memory(workspace, workspace_bytes, "cuBLASLt: workspace");
  require_all(a, *layout_a, "cuBLASLt: a");
  require_all(b, *layout_b, "cuBLASLt: b");
  require_all(d, *layout_d, "cuBLASLt: d");
  const bool tf32 = product->compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  const std::vector<double> left = numbers_of(a, *layout_a, tf32), right = numbers_of(b, *layout_b, tf32);
  const auto inner = static_cast<std::size_t>(layout_a->rows);
  for (std::int64_t j = 0; j < layout_d->cols; ++j) {
    for (std::int64_t i = 0; i < layout_d->rows; ++i) {
      const double *x = left.data() + static_cast<std::size_t>(i) * inner,
                   *y = right.data() + static_cast<std::size_t>(j) * inner;
      double sum = 0;
      for (std::size_t k = 0; k < inner; ++k) sum += x[k] * y[k];
      store(d, layout_d->type, i + j * layout_d->leading, static_cast<double>(*static_cast<const float*>(alpha)) * sum);
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

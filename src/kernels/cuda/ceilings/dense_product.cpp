// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/ceilings/dense_product.hpp"

#include <string>

#include "core/error.hpp"
#include "kernels/cuda/runtime/gemm.hpp"

namespace knowscale::cuda {
namespace {

constexpr std::int64_t kWorkspace = 32 << 20;  // what cuBLAS takes of its own on the largest devices

cudaDataType_t type_of(DenseKind kind) {
  switch (kind) {
    case DenseKind::bf16: return CUDA_R_16BF;
    case DenseKind::f16: return CUDA_R_16F;
    default: return CUDA_R_32F;
  }
}

cublasComputeType_t compute_of(DenseKind kind) {
  return kind == DenseKind::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

}  // namespace

DenseProduct::DenseProduct(DenseKind kind, std::int64_t n) : n_(n), workspace_(kWorkspace) {
  try {
    check(cublasLtCreate(&handle_), "cublasLtCreate");
    check(cublasLtMatmulDescCreate(&product_, compute_of(kind), CUDA_R_32F), "cublasLtMatmulDescCreate");
    // Both operands with the summed index innermost, which matrix units take whatever the format.
    const cublasOperation_t transposed = CUBLAS_OP_T;
    check(cublasLtMatmulDescSetAttribute(product_, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed),
          "cublasLtMatmulDescSetAttribute");
    const auto size = static_cast<std::uint64_t>(n);
    check(cublasLtMatrixLayoutCreate(&layout_, type_of(kind), size, size, n), "cublasLtMatrixLayoutCreate");
    choose_algorithm();
  } catch (...) {
    release();
    throw;
  }
}

DenseProduct::~DenseProduct() { release(); }

void DenseProduct::release() noexcept {
  if (layout_ != nullptr) static_cast<void>(cublasLtMatrixLayoutDestroy(layout_));
  if (product_ != nullptr) static_cast<void>(cublasLtMatmulDescDestroy(product_));
  if (handle_ != nullptr) static_cast<void>(cublasLtDestroy(handle_));
}

void DenseProduct::choose_algorithm() {
  cublasLtMatmulPreference_t preference = nullptr;
  check(cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  const std::size_t most = kWorkspace;
  cublasStatus_t status =
      cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, sizeof most);
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  if (status == CUBLAS_STATUS_SUCCESS) {
    status = cublasLtMatmulAlgoGetHeuristic(handle_, product_, layout_, layout_, layout_, layout_, preference, 1,
                                            &result, &found);
  }
  static_cast<void>(cublasLtMatmulPreferenceDestroy(preference));
  check(status, "cublasLtMatmulAlgoGetHeuristic");
  require(found > 0, ExitStatus::resource,
          "cublasLt has no algorithm for products of " + std::to_string(n_) + " x " + std::to_string(n_));
  algorithm_ = result.algo;
}

void DenseProduct::run(const void* a, const void* b, void* c, const Stream& stream) {
  const float one = 1, zero = 0;
  check(cublasLtMatmul(handle_, product_, &one, a, layout_, b, layout_, &zero, c, layout_, c, layout_, &algorithm_,
                       workspace_.data(), static_cast<std::size_t>(workspace_.count()), stream),
        "cublasLtMatmul");
}

}  // namespace knowscale::cuda

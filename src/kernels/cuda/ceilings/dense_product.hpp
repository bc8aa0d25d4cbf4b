// SPDX-License-Identifier: BSD-3-Clause
// A square product by cuBLASLt, as fast as its first choice is: the ceiling of matrix units.
#pragma once

#include <cublasLt.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/runtime/device.hpp"

namespace knowscale::cuda {

enum class DenseKind { f32, tf32, bf16, f16 };

// Of a stored number.
constexpr std::int64_t bytes_of(DenseKind kind) { return kind == DenseKind::f32 || kind == DenseKind::tf32 ? 4 : 2; }

// c = a^T b of n x n numbers, column-major, sums in f32, c in the format of a and b.
class DenseProduct {
 public:
  // Throws Error(resource) where cuBLASLt has no algorithm for it.
  DenseProduct(DenseKind kind, std::int64_t n);
  ~DenseProduct();
  DenseProduct(const DenseProduct&) = delete;
  DenseProduct& operator=(const DenseProduct&) = delete;

  void run(const void* a, const void* b, void* c, const Stream& stream);
  double flops() const { return 2.0 * static_cast<double>(n_) * static_cast<double>(n_) * static_cast<double>(n_); }

 private:
  void choose_algorithm();
  void release() noexcept;

  std::int64_t n_;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t product_ = nullptr;
  cublasLtMatrixLayout_t layout_ = nullptr;
  cublasLtMatmulAlgo_t algorithm_{};
  DeviceBuffer<std::byte> workspace_;
};

}  // namespace knowscale::cuda

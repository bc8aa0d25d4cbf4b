// SPDX-License-Identifier: BSD-3-Clause
// Numbers as the emulated libraries find them in memory.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/half.hpp"
#include "cublas_v2.h"

namespace emulator {

using knowscale::Bf16;
using knowscale::F16;

inline std::size_t bytes_of(cudaDataType_t type) {
  switch (type) {
    case CUDA_R_64F: return 8;
    case CUDA_R_32F: return 4;
    default: return 2;
  }
}

inline double number_at(const void* data, cudaDataType_t type, std::int64_t i) {
  switch (type) {
    case CUDA_R_64F: return static_cast<const double*>(data)[i];
    case CUDA_R_32F: return static_cast<double>(static_cast<const float*>(data)[i]);
    case CUDA_R_16F: return static_cast<double>(static_cast<float>(static_cast<const F16*>(data)[i]));
    default: return static_cast<double>(static_cast<float>(static_cast<const Bf16*>(data)[i]));
  }
}

inline double rounded_to_tf32(double x) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(x));
  return static_cast<double>(std::bit_cast<float>((bits + 0x1000) & ~std::uint32_t{0x1fff}));
}

}  // namespace emulator

// SPDX-License-Identifier: BSD-3-Clause
// Stored numbers and rows of views as kernels read them (the members of MatrixView are the host's alone).
#pragma once

#include <instructions.cuh>

#include <cstdint>
#include <type_traits>

#include "core/matrix.hpp"
#include "core/precision.hpp"

namespace knowscale::cuda {

inline constexpr int kLanesOfWarp = 32;

template <class T>
__device__ __forceinline__ T* row_of(const MatrixView<T>& matrix, std::int64_t i) {
  return matrix.data + i * matrix.stride;
}

// x in the format that sums are kept in: exact.
template <class T>
__device__ __forceinline__ Accumulator<T> widened(T x) {
  if constexpr (std::is_same_v<T, double>) {
    return x;
  } else {
    return to_float(x);
  }
}

}  // namespace knowscale::cuda

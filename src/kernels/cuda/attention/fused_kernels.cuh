// SPDX-License-Identifier: BSD-3-Clause
// The table of fused kernels of one type; a file a type, so that they compile side by side.
#pragma once

#include "kernels/cuda/attention/few_queries.cuh"
#include "kernels/cuda/attention/fused.hpp"
#include "kernels/cuda/attention/many_queries.cuh"

namespace knowscale::cuda {

template <class T, int KeyDim, int ValueDim>
FusedKernel<T> fused_kernel_of_widths(int rows) {
  using Few = FewQueriesShape<T, KeyDim, ValueDim>;
  using Many = ManyQueriesShape<T, KeyDim, ValueDim>;
  if (rows <= kFewRows) {
    return {few_queries<T, KeyDim, ValueDim>, kFewRows, Few::kKeys * Few::kWarps, 32 * Few::kWarps, Few::kSharedBytes};
  }
  return {many_queries<T, KeyDim, ValueDim>, Many::kRows, Many::kKeys, 32 * Many::kWarps, Many::kSharedBytes};
}

template <class T>
FusedKernel<T> fused_kernel(int rows, PaddedWidths widths) {
  switch (widths.key) {
    case 64:
      return widths.value == 64 ? fused_kernel_of_widths<T, 64, 64>(rows) : fused_kernel_of_widths<T, 64, 128>(rows);
    case 128:
      return widths.value == 64    ? fused_kernel_of_widths<T, 128, 64>(rows)
             : widths.value == 128 ? fused_kernel_of_widths<T, 128, 128>(rows)
                                   : fused_kernel_of_widths<T, 128, 256>(rows);
    default:
      return widths.value == 128 ? fused_kernel_of_widths<T, 256, 128>(rows) : fused_kernel_of_widths<T, 256, 256>(rows);
  }
}

}  // namespace knowscale::cuda

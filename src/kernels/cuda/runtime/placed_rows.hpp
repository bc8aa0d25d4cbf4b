// SPDX-License-Identifier: BSD-3-Clause
// Rows of the host as kernels find them on the device: where they are kept there, or else as a copy.
#pragma once

#include <cstdint>

#include "core/matrix.hpp"
#include "kernels/cuda/runtime/rank_device.hpp"
#include "kernels/cuda/runtime/staging.hpp"

namespace knowscale::cuda {

// On the device; heads side by side, each padded with zeros to `width` columns.
template <class T>
struct PlacedRows {
  const T* data = nullptr;
  std::int64_t stride = 0;
  std::int64_t width = 0;
};

// Where `rows` are kept with heads of layout.width, or else in a copy that is queued, in the device's part of
// `staging`.
template <class T>
PlacedRows<T> place(RankDevice& device, Staging& staging, MatrixView<const T> rows, const HeadLayout& layout);

// The same with heads of any width: a copy is not padded.
template <class T>
PlacedRows<T> place(RankDevice& device, Staging& staging, MatrixView<const T> rows, std::int64_t heads,
                    std::int64_t head_dim);

}  // namespace knowscale::cuda

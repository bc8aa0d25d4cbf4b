// SPDX-License-Identifier: BSD-3-Clause
// What an LSTM step does after its products, in one kernel: i, f, g, o = sigma, sigma, tanh, sigma of their sums;
// c' = f c + i g;  h' = o tanh(c').
#pragma once

#include <cstdint>

#include "core/matrix.hpp"
#include "kernels/cuda/runtime/device.hpp"

namespace knowscale::cuda {

// Device memory. A gate starts from projected + products + bias, gate blocks of H columns in the order i, f, g, o.
template <class T>
struct GateStep {
  const T* projected = nullptr;  // B rows of 4H, `projected_stride` apart; none: 0
  std::int64_t projected_stride = 0;
  const T* products = nullptr;  // B x 4H
  const T* bias = nullptr;      // 4H
  MatrixView<T> hidden;         // B x H, written
  MatrixView<T> cell;           // B x H, read and written
};

// Queues the update of all B sequences.
template <class T>
void update_state(const GateStep<T>& step, const Stream& stream);

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// The softmax between two matrix products, a tile of scores at a time.
#pragma once

#include <cstdint>

#include "kernels/cuda/runtime/device.hpp"

namespace knowscale::cuda {

// A tile of scores of `heads` x `rows` x `keys` and the states it goes into. T: of the weights.
template <class T>
struct SoftmaxTile {
  const float* scores = nullptr;  // before the scale
  T* weights = nullptr;           // likewise; relative to m of their state's row, 0 where hidden
  float* states = nullptr;        // row i heads + h: [o | l | m]; o is brought to the new m, o of these keys not added
  int heads = 1;
  int rows = 0;
  int keys = 0;
  int value_dim = 0;
  float scale_log2 = 1;  // scale log2(e)
  bool causal = false;   // row i sees keys up to i + offset
  std::int64_t offset = 0;
  const std::uint8_t* visible = nullptr;  // of the tile's keys, or none
};

// Queues it. T: float, Bf16.
template <class T>
void online_softmax(const SoftmaxTile<T>& tile, const Stream& stream);

}  // namespace knowscale::cuda

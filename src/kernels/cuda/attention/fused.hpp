// SPDX-License-Identifier: BSD-3-Clause
// The fused kernels: exact attention of device memory to a state, in one pass over the keys (two where they are split).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/attention/task.hpp"
#include "kernels/cuda/runtime/device.hpp"

namespace knowscale::cuda {

// Columns of a head of keys and of values as they lie in memory.
struct PaddedWidths {
  int key = 0;
  int value = 0;
};

// The least widths that hold so many columns and that there are kernels for: 64, 128 or 256, one of them at most twice
// the other. What is wider than the head holds zeros: its copies and products are the price of padding. Throws
// Error(usage) above 256.
PaddedWidths padded_widths(std::int64_t key_dim, std::int64_t value_dim);

// A kernel as it is launched.
template <class T>
struct FusedKernel {
  void (*kernel)(AttentionTask<T>) = nullptr;
  int rows = 0;  // of queries per block
  int keys = 0;  // a step
  int threads = 0;
  std::size_t shared_bytes = 0;
};

// That for so many rows of queries (AttentionTask::rows) of padded widths.
template <class T>
FusedKernel<T> fused_kernel(int rows, PaddedWidths widths);

// Queues the state of all queries over all keys into task.out (task.keys_a_split is not looked at). `parts` is grown to
// hold the splits' states. m = 0 gives the identity. T: float, Bf16, F16.
template <class T>
void attend_fused(AttentionTask<T> task, PaddedWidths widths, DeviceBuffer<float>& parts, const Stream& stream);

}  // namespace knowscale::cuda

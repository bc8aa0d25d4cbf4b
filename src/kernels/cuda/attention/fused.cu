// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/attention/fused.hpp"

#include <launch.cuh>

#include <algorithm>
#include <limits>
#include <string>

#include "core/error.hpp"
#include "core/half.hpp"
#include "core/matrix.hpp"
#include "kernels/cuda/attention/rows.hpp"
#include "kernels/cuda/runtime/tiles.hpp"

namespace knowscale::cuda {

namespace {

int padded_width(std::int64_t columns) {
  for (const int width : {64, 128, 256}) {
    if (columns <= width) return width;
  }
  throw Error(ExitStatus::usage, "kernel cuda: a head of " + std::to_string(columns) +
                                     " columns is wider than 256: use more heads, or kernel = \"cublas\"");
}

// Blocks of the kernel that the device runs at a time.
template <class T>
std::int64_t slots_of(const FusedKernel<T>& kernel) {
  allow_shared_memory(kernel.kernel, kernel.shared_bytes);
  int blocks = 0, device = 0, multiprocessors = 0;
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel.kernel, kernel.threads, kernel.shared_bytes),
        "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute");
  return std::int64_t{std::max(blocks, 1)} * multiprocessors;
}

}  // namespace

PaddedWidths padded_widths(std::int64_t key_dim, std::int64_t value_dim) {
  const int key = padded_width(key_dim), value = padded_width(value_dim);
  return {std::max(key, value / 2), std::max(value, key / 2)};
}

template <class T>
void attend_fused(AttentionTask<T> task, PaddedWidths widths, DeviceBuffer<float>& parts, const Stream& stream) {
  const std::int64_t width = task.value_dim + 2, rows = std::int64_t{task.query_count} * task.heads();
  if (rows == 0) return;
  const MatrixView<float> out = {task.out, rows, width, width};
  if (task.key_count == 0) return clear(out, stream);
  const FusedKernel<T> kernel = fused_kernel<T>(task.rows(), widths);
  const std::int64_t tiles = tiles_of(task.rows(), kernel.rows);
  const Splits splits =
      split_keys(tiles * task.kv_heads, task.key_count, kernel.keys, slots_of(kernel));
  task.keys_a_split = splits.keys;
  if (splits.count > 1) {
    parts.reserve(splits.count * rows * width);
    task.out = parts.data();
  }
  const dim3 blocks(static_cast<unsigned>(tiles), static_cast<unsigned>(task.kv_heads),
                    static_cast<unsigned>(splits.count));
  launch(kernel.kernel, {blocks, dim3(static_cast<unsigned>(kernel.threads)), kernel.shared_bytes}, stream, task);
  if (splits.count > 1) merge_parts(parts.data(), splits.count, out, stream);
}

template void attend_fused(AttentionTask<float>, PaddedWidths, DeviceBuffer<float>&, const Stream&);
template void attend_fused(AttentionTask<Bf16>, PaddedWidths, DeviceBuffer<float>&, const Stream&);
template void attend_fused(AttentionTask<F16>, PaddedWidths, DeviceBuffer<float>&, const Stream&);

}  // namespace knowscale::cuda

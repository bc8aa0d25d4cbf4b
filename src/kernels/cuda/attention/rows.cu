// SPDX-License-Identifier: BSD-3-Clause
// A warp takes a row, its lanes columns that lie together: memory bounds all of this.
#include "kernels/cuda/attention/rows.hpp"

#include <launch.cuh>

#include <limits>

#include "kernels/cuda/runtime/numbers.cuh"
#include "kernels/cuda/runtime/tiles.hpp"

namespace knowscale::cuda {
namespace {

constexpr float kNoMaximum = -std::numeric_limits<float>::infinity();
constexpr int kThreads = 256;
constexpr int kWarpsOfBlock = kThreads / kLanesOfWarp;

// exp(m - to), to >= m: exactly 1 where they are equal, infinities too, so that two identities stay one; 0 for m = -inf
// otherwise.
__device__ __forceinline__ float relative_weight(float m, float to) {
  return m == to ? 1.0f : exp2_approximate((m - to) * 1.44269504088896340736f);
}

// How two rows merge: the one with the smaller m is brought to the larger one and added, whichever of them it is.
class RowMerge {
 public:
  __device__ __forceinline__ RowMerge(float a, float b)
      : maximum_(a >= b ? a : b), weight_(relative_weight(a >= b ? b : a, maximum_)), first_stays_(a >= b) {}

  __device__ __forceinline__ float maximum() const { return maximum_; }
  __device__ __forceinline__ float operator()(float a, float b) const {
    return first_stays_ ? fused_multiply_add(weight_, b, a) : fused_multiply_add(weight_, a, b);
  }

 private:
  float maximum_;
  float weight_;
  bool first_stays_;
};

__device__ __forceinline__ std::int64_t task_of_warp() {
  return std::int64_t{blockIdx.x} * kWarpsOfBlock + threadIdx.x / kLanesOfWarp;
}
__device__ __forceinline__ std::int64_t lane_of_warp() { return threadIdx.x % kLanesOfWarp; }

__global__ void __launch_bounds__(kThreads) clear_rows(MatrixView<float> rows) {
  const std::int64_t row = task_of_warp();
  if (row >= rows.rows) return;
  float* to = row_of(rows, row);
  for (std::int64_t j = lane_of_warp(); j < rows.cols; j += kLanesOfWarp)
    to[j] = j == rows.cols - 1 ? kNoMaximum : 0.0f;
}

__global__ void __launch_bounds__(kThreads) merge_rows(MatrixView<float> into, MatrixView<const float> from) {
  const std::int64_t row = task_of_warp();
  if (row >= into.rows) return;
  float* __restrict__ a = row_of(into, row);
  const float* __restrict__ b = row_of(from, row);
  const std::int64_t m = into.cols - 1;
  const RowMerge merged(a[m], b[m]);
  for (std::int64_t j = lane_of_warp(); j < m; j += kLanesOfWarp) a[j] = merged(a[j], b[j]);
  sync_warp();  // every lane has read a[m]
  if (lane_of_warp() == 0) a[m] = merged.maximum();
}

// A warp takes 32 columns of a row through all parts: one number per lane is on its way while the last one is merged,
// and the maxima, which each of them reads, are in the first level of cache for all but one.
__global__ void __launch_bounds__(kThreads)
    merge_all_parts(const float* __restrict__ parts, std::int64_t count, MatrixView<float> out, std::int64_t pieces) {
  const std::int64_t row = task_of_warp() / pieces, m = out.cols - 1;
  const std::int64_t j = task_of_warp() % pieces * kLanesOfWarp + lane_of_warp();
  if (row >= out.rows || j > m) return;
  const float* part = parts + row * out.cols;
  float merged = 0.0f, maximum = kNoMaximum;
  for (std::int64_t i = 0; i < count; ++i, part += out.rows * out.cols) {
    const RowMerge next(maximum, part[m]);
    merged = next(merged, part[j]);
    maximum = next.maximum();
  }
  row_of(out, row)[j] = j == m ? maximum : merged;
}

__global__ void __launch_bounds__(kThreads) copy_maxima(MatrixView<const float> rows, float* maxima) {
  const std::int64_t row = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (row < rows.rows) maxima[row] = row_of(rows, row)[rows.cols - 1];
}

__global__ void __launch_bounds__(kThreads) rescale_rows(MatrixView<float> rows, const float* __restrict__ maxima) {
  const std::int64_t row = task_of_warp(), m = rows.cols - 1;
  if (row >= rows.rows) return;
  float* __restrict__ to = row_of(rows, row);
  const float maximum = maxima[row], weight = relative_weight(to[m], maximum);
  if (weight != 1.0f) {  // as it is in 1 / p of all rows where p ranks agree on maxima
    for (std::int64_t j = lane_of_warp(); j < m; j += kLanesOfWarp) to[j] *= weight;
  }
  sync_warp();  // every lane has read to[m]
  if (lane_of_warp() == 0) to[m] = maximum;
}

__global__ void __launch_bounds__(kThreads) normalise_rows(MatrixView<const float> rows, MatrixView<float> out) {
  const std::int64_t row = task_of_warp();
  if (row >= rows.rows) return;
  const float* __restrict__ from = row_of(rows, row);
  float* __restrict__ to = row_of(out, row);
  const float sum = from[out.cols], inverse = sum == 0.0f ? 0.0f : 1.0f / sum;
  for (std::int64_t j = lane_of_warp(); j < out.cols; j += kLanesOfWarp) to[j] = from[j] * inverse;
}

// One warp a task.
template <class... Parameters, class... Arguments>
void launch_warps(void (*kernel)(Parameters...), std::int64_t tasks, const Stream& stream, Arguments... arguments) {
  if (tasks == 0) return;
  launch(kernel, Grid{dim3(blocks_of(tasks, kWarpsOfBlock)), dim3(kThreads)}, stream,
         static_cast<Parameters>(arguments)...);
}

}  // namespace

void clear(MatrixView<float> rows, const Stream& stream) { launch_warps(clear_rows, rows.rows, stream, rows); }

void merge(MatrixView<float> into, MatrixView<const float> from, const Stream& stream) {
  launch_warps(merge_rows, into.rows, stream, into, from);
}

void merge_parts(const float* parts, std::int64_t count, MatrixView<float> out, const Stream& stream) {
  const std::int64_t pieces = tiles_of(out.cols, kLanesOfWarp);
  launch_warps(merge_all_parts, out.rows * pieces, stream, parts, count, out, pieces);
}

void read_maxima(MatrixView<const float> rows, float* maxima, const Stream& stream) {
  launch_warps(copy_maxima, tiles_of(rows.rows, kLanesOfWarp), stream, rows, maxima);
}

void rescale(MatrixView<float> rows, const float* maxima, const Stream& stream) {
  launch_warps(rescale_rows, rows.rows, stream, rows, maxima);
}

void normalise(MatrixView<const float> rows, MatrixView<float> out, const Stream& stream) {
  launch_warps(normalise_rows, rows.rows, stream, rows, out);
}

}  // namespace knowscale::cuda

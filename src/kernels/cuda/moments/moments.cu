// SPDX-License-Identifier: BSD-3-Clause
// A block of threads sums a tile of the result over a range of rows, 4 x 4 numbers per thread; rows pass through shared
// memory a step at a time, the next on its way in registers while one is multiplied:
//
//   for each step of 16 rows   K: [16][64] times their weights, V: [16][64]      C[i][j] += K[k][i] V[k][j]
//
// As on the host, sums of 256 rows begin at zero before they are added. Sums of ranges are added by a second kernel.
#include "kernels/cuda/moments/moments.hpp"

#include <launch.cuh>

#include <cmath>

#include "kernels/cuda/runtime/numbers.cuh"
#include "kernels/cuda/runtime/tiles.hpp"

namespace knowscale::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = static_cast<int>(kMomentTile);
constexpr int kSide = 4;                // numbers of a thread in each direction
constexpr int kAcross = kTile / kSide;  // threads
constexpr int kStepRows = 16;
constexpr int kFetched = kStepRows * kTile / kThreads;  // numbers of a step and operand that a thread brings
constexpr int kStepsOfSum = 16;
static_assert(kAcross * kAcross == kThreads);

// Read and written at once where the format allows.
template <class L>
struct alignas(16) Quad {
  L numbers[kSide];
};

template <class L>
struct Step {
  Quad<L> keys[kStepRows][kAcross];  // times their weights
  Quad<L> values[kStepRows][kAcross];
};

// A tile of one range's sum.
template <class T>
struct TileTask {
  WeightedRows<T> rows;
  std::int64_t begin, end;              // rows of the range
  std::int64_t first_key, first_value;  // columns of the tile
};

// The numbers that this thread brings of the step of rows from `first` on; zero behind the last row or column.
template <class T>
class Fetched {
  using L = Accumulator<T>;

 public:
  __device__ __forceinline__ void fetch(const TileTask<T>& task, std::int64_t first) {
    const std::int64_t key = task.first_key + column(), value = task.first_value + column();
    for (int i = 0; i < kFetched; ++i) {
      const std::int64_t row = first + row_of_step(i);
      const bool has_row = row < task.end;
      const bool has_key = has_row && key < task.rows.keys.cols, has_value = has_row && value < task.rows.values.cols;
      keys_[i] = has_key ? widened(row_of(task.rows.keys, row)[key]) * task.rows.weights[row] : L{0};
      values_[i] = has_value ? widened(row_of(task.rows.values, row)[value]) : L{0};
    }
  }

  __device__ __forceinline__ void put(Step<L>& step) const {
    for (int i = 0; i < kFetched; ++i) {
      step.keys[row_of_step(i)][column() / kSide].numbers[column() % kSide] = keys_[i];
      step.values[row_of_step(i)][column() / kSide].numbers[column() % kSide] = values_[i];
    }
  }

 private:
  __device__ __forceinline__ static int column() { return static_cast<int>(threadIdx.x) % kTile; }
  __device__ __forceinline__ static int row_of_step(int i) {
    return static_cast<int>(threadIdx.x) / kTile + i * (kThreads / kTile);
  }

  L keys_[kFetched];
  L values_[kFetched];
};

// The 4 x 4 numbers of a thread.
template <class L>
struct ThreadSum {
  L numbers[kSide][kSide] = {};

  __device__ __forceinline__ void add(const Step<L>& step) {
    for (int k = 0; k < kStepRows; ++k) {
      const Quad<L> a = step.keys[k][threadIdx.x / kAcross], b = step.values[k][threadIdx.x % kAcross];
      for (int i = 0; i < kSide; ++i) {
        for (int j = 0; j < kSide; ++j) numbers[i][j] += a.numbers[i] * b.numbers[j];
      }
    }
  }
  __device__ __forceinline__ void take(ThreadSum& other) {
    for (int i = 0; i < kSide; ++i) {
      for (int j = 0; j < kSide; ++j) {
        numbers[i][j] += other.numbers[i][j];
        other.numbers[i][j] = 0;
      }
    }
  }
};

// Two steps in shared memory: one is filled while another may still be read, and a single barrier parts them.
template <class T>
__device__ __forceinline__ ThreadSum<Accumulator<T>> sum_of(const TileTask<T>& task) {
  using L = Accumulator<T>;
  auto* steps = reinterpret_cast<Step<L>*>(shared_memory());
  Fetched<T> next;
  ThreadSum<L> all, some;
  next.fetch(task, task.begin);
  int step = 0;
  for (std::int64_t first = task.begin; first < task.end; first += kStepRows, ++step) {
    next.put(steps[step % 2]);
    sync_block();
    next.fetch(task, first + kStepRows);
    some.add(steps[step % 2]);
    if (step % kStepsOfSum == kStepsOfSum - 1) all.take(some);
  }
  all.take(some);
  return all;
}

// sums: a d_k x d_v matrix for each range. Where keys are values, tiles below the diagonal are left out.
template <class T>
__global__ void __launch_bounds__(kThreads, 2) sum_ranges(WeightedRows<T> rows, bool symmetric, Accumulator<T>* sums) {
  const std::int64_t d_k = rows.keys.cols, d_v = rows.values.cols, tiles = (d_v + kTile - 1) / kTile;
  const std::int64_t first_key = blockIdx.x / tiles * kTile, first_value = blockIdx.x % tiles * kTile;
  if (symmetric && first_value < first_key) return;
  const RowRange range = row_range(rows.keys.rows, gridDim.y, blockIdx.y);
  const ThreadSum<Accumulator<T>> sum = sum_of(TileTask<T>{rows, range.begin, range.end, first_key, first_value});
  Accumulator<T>* to = sums + blockIdx.y * d_k * d_v;
  for (int i = 0; i < kSide; ++i) {
    for (int j = 0; j < kSide; ++j) {
      const std::int64_t key = first_key + threadIdx.x / kAcross * kSide + i;
      const std::int64_t value = first_value + threadIdx.x % kAcross * kSide + j;
      if (key < d_k && value < d_v) to[key * d_v + value] = sum.numbers[i][j];
    }
  }
}

constexpr int kSlices = kThreads / kLanesOfWarp;

// out = the sum of all ranges: every eighth range by each warp for 32 numbers, then the eight.
template <class L>
__global__ void __launch_bounds__(kThreads)
    add_ranges(const L* __restrict__ sums, std::int64_t ranges, bool symmetric, MatrixView<L> out) {
  auto* slices = reinterpret_cast<L*>(shared_memory());
  const unsigned lane = threadIdx.x % kLanesOfWarp, slice = threadIdx.x / kLanesOfWarp;
  const std::int64_t at = std::int64_t{blockIdx.x} * kLanesOfWarp + lane, size = out.rows * out.cols;
  const std::int64_t i = at / out.cols, j = at % out.cols;
  const bool mine = at < size && !(symmetric && j < i);
  L sum = 0;
  for (std::int64_t range = slice; mine && range < ranges; range += kSlices) sum += sums[range * size + at];
  slices[threadIdx.x] = sum;
  sync_block();
  if (slice != 0 || !mine) return;
  for (int other = 1; other < kSlices; ++other) sum += slices[other * kLanesOfWarp + lane];
  row_of(out, i)[j] = sum;
  if (symmetric) row_of(out, j)[i] = sum;
}

// A warp takes a key.
template <class T>
__global__ void __launch_bounds__(kThreads)
    weigh_keys(MatrixView<const T> keys, MomentWeight kind, Accumulator<T>* weights) {
  using L = Accumulator<T>;
  const std::int64_t k = std::int64_t{blockIdx.x} * kSlices + threadIdx.x / kLanesOfWarp;
  if (k >= keys.rows) return;
  const T* __restrict__ key = row_of(keys, k);
  L square = 0;
  if (kind != MomentWeight::plain) {
    for (std::int64_t j = threadIdx.x % kLanesOfWarp; j < keys.cols; j += kLanesOfWarp) {
      square += widened(key[j]) * widened(key[j]);
    }
    for (int mask = kLanesOfWarp / 2; mask > 0; mask /= 2) square += shuffle_xor(square, mask);
  }
  if (threadIdx.x % kLanesOfWarp != 0) return;
  const L grown = 1 + square / static_cast<L>(keys.cols);
  weights[k] = kind == MomentWeight::plain ? L{1} : 1 / (kind == MomentWeight::map ? std::sqrt(grown) : grown);
}

}  // namespace

template <class T>
void moment_weights(MatrixView<const T> keys, MomentWeight kind, Accumulator<T>* weights, const Stream& stream) {
  if (keys.rows == 0) return;
  launch(weigh_keys<T>, Grid{dim3(blocks_of(keys.rows, kSlices)), dim3(kThreads)}, stream, keys, kind, weights);
}

template <class T>
void moments(const WeightedRows<T>& rows, MatrixView<Accumulator<T>> out, DeviceBuffer<Accumulator<T>>& scratch,
             const Stream& stream) {
  using L = Accumulator<T>;
  if (out.size() == 0) return;
  const std::int64_t ranges = moment_ranges(rows.keys.rows, out.rows, out.cols);
  const bool symmetric = rows.keys.data == rows.values.data && rows.keys.cols == rows.values.cols &&
                         rows.keys.stride == rows.values.stride;
  scratch.reserve(ranges * out.size());
  const dim3 tiles(blocks_of(out.rows, kTile) * blocks_of(out.cols, kTile), static_cast<unsigned>(ranges));
  launch(sum_ranges<T>, Grid{tiles, dim3(kThreads), 2 * sizeof(Step<L>)}, stream, rows, symmetric, scratch.data());
  launch(add_ranges<L>, Grid{dim3(blocks_of(out.size(), kLanesOfWarp)), dim3(kThreads), kThreads * sizeof(L)}, stream,
         static_cast<const L*>(scratch.data()), ranges, symmetric, out);
}

template void moment_weights(MatrixView<const float>, MomentWeight, float*, const Stream&);
template void moment_weights(MatrixView<const double>, MomentWeight, double*, const Stream&);
template void moment_weights(MatrixView<const Bf16>, MomentWeight, float*, const Stream&);
template void moment_weights(MatrixView<const F16>, MomentWeight, float*, const Stream&);
template void moments(const WeightedRows<float>&, MatrixView<float>, DeviceBuffer<float>&, const Stream&);
template void moments(const WeightedRows<double>&, MatrixView<double>, DeviceBuffer<double>&, const Stream&);
template void moments(const WeightedRows<Bf16>&, MatrixView<float>, DeviceBuffer<float>&, const Stream&);
template void moments(const WeightedRows<F16>&, MatrixView<float>, DeviceBuffer<float>&, const Stream&);

}  // namespace knowscale::cuda

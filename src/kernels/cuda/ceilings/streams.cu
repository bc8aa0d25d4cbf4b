// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/ceilings/streams.hpp"

#include <launch.cuh>

#include <algorithm>

#include "core/half.hpp"
#include "kernels/cuda/runtime/numbers.cuh"
#include "kernels/cuda/runtime/tiles.hpp"

namespace knowscale::cuda {
namespace {

constexpr int kThreads = 256;

// PCG output function of a counter (O'Neill, 2014).
__device__ __forceinline__ std::uint32_t scrambled(std::uint32_t counter) {
  const std::uint32_t state = counter * 747796405u + 2891336453u;
  const std::uint32_t word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737u;
  return (word >> 22) ^ word;
}

__device__ __forceinline__ void store(float* to, float x) { *to = x; }
__device__ __forceinline__ void store(Bf16* to, float x) { to->bits = static_cast<std::uint16_t>(pack(Bf16(), x, x)); }
__device__ __forceinline__ void store(F16* to, float x) { to->bits = static_cast<std::uint16_t>(pack(F16(), x, x)); }

template <class T>
__global__ void __launch_bounds__(kThreads) fill_all(T* data, std::int64_t count, std::uint32_t seed) {
  const std::int64_t step = std::int64_t{gridDim.x} * kThreads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step) {
    const std::uint32_t high = scrambled(static_cast<std::uint32_t>(i >> 32) ^ seed);
    const std::uint32_t bits = scrambled(static_cast<std::uint32_t>(i) ^ high);
    store(data + i, (static_cast<float>(bits >> 8) * 0x1p-24f - 0.5f) * 3.46410162f);
  }
}

__device__ __forceinline__ std::uint32_t sum_of(const uint4& words) { return words.x + words.y + words.z + words.w; }

// Eight loads of a thread are under way at a time. Words behind the last 16 bytes go to the first threads.
__global__ void __launch_bounds__(kThreads)
    sum_all(const std::uint32_t* __restrict__ data, std::int64_t count, std::uint32_t* sums) {
  constexpr int loads = 8;
  const auto* quads = reinterpret_cast<const uint4*>(data);
  const std::int64_t all = count / 4, step = std::int64_t{gridDim.x} * kThreads * loads;
  std::uint32_t sum = 0;
  for (std::int64_t first = std::int64_t{blockIdx.x} * kThreads * loads; first < all; first += step) {
    uint4 words[loads];
#pragma unroll
    for (int i = 0; i < loads; ++i) {
      const std::int64_t at = first + i * kThreads + threadIdx.x;
      words[i] = at < all ? quads[at] : uint4{0, 0, 0, 0};
    }
#pragma unroll
    for (int i = 0; i < loads; ++i) sum += sum_of(words[i]);
  }
  if (blockIdx.x == 0 && threadIdx.x < count % 4) sum += data[4 * all + threadIdx.x];

  auto* of_warps = reinterpret_cast<std::uint32_t*>(shared_memory());
  for (int mask = kLanesOfWarp / 2; mask > 0; mask /= 2) sum += shuffle_xor(sum, mask);
  if (threadIdx.x % kLanesOfWarp == 0) of_warps[threadIdx.x / kLanesOfWarp] = sum;
  sync_block();
  if (threadIdx.x != 0) return;
  sum = 0;
  for (int warp = 0; warp < kThreads / kLanesOfWarp; ++warp) sum += of_warps[warp];
  sums[blockIdx.x] = sum;
}

}  // namespace

template <class T>
void fill_random(T* data, std::int64_t count, std::uint32_t seed, const Stream& stream) {
  constexpr std::int64_t most_blocks = 1024, numbers_of_thread = 32;
  if (count == 0) return;
  const auto blocks = static_cast<unsigned>(std::min(tiles_of(count, kThreads * numbers_of_thread), most_blocks));
  launch(fill_all<T>, Grid{dim3(blocks), dim3(kThreads)}, stream, data, count, seed);
}

void sum_words(const std::uint32_t* data, std::int64_t count, std::uint32_t* sums, int blocks, const Stream& stream) {
  launch(sum_all,
         Grid{dim3(static_cast<unsigned>(blocks)), dim3(kThreads), kThreads / kLanesOfWarp * sizeof(std::uint32_t)},
         stream, data, count, sums);
}

template void fill_random(float*, std::int64_t, std::uint32_t, const Stream&);
template void fill_random(Bf16*, std::int64_t, std::uint32_t, const Stream&);
template void fill_random(F16*, std::int64_t, std::uint32_t, const Stream&);

}  // namespace knowscale::cuda

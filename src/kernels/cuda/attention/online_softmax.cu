// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/attention/online_softmax.hpp"

#include <instructions.cuh>
#include <launch.cuh>

#include <limits>

namespace knowscale::cuda {
namespace {

constexpr int kThreads = 128;
constexpr float kLog2e = 1.44269504088896340736f;

__device__ __forceinline__ void store(float x, float* to) { *to = x; }
__device__ __forceinline__ void store(float x, Bf16* to) {
  to->bits = static_cast<std::uint16_t>(pack(Bf16(), x, 0));
}

struct Maximum {
  __device__ __forceinline__ float operator()(float a, float b) const { return fmaxf(a, b); }
};
struct Sum {
  __device__ __forceinline__ float operator()(float a, float b) const { return a + b; }
};

// Of the block's numbers, on every thread. Any order of the warps gives the same bits.
template <class Combine>
__device__ __forceinline__ float over_block(float x, Combine combine, float* of_warps) {
  for (int mask = 16; mask > 0; mask /= 2) x = combine(x, shuffle_xor(x, mask));
  const int warp = static_cast<int>(threadIdx.x) / 32;
  sync_block();  // what of_warps held before was read
  if (threadIdx.x % 32 == 0) of_warps[warp] = x;
  sync_block();
  x = of_warps[0];
  for (int i = 1; i < kThreads / 32; ++i) x = combine(x, of_warps[i]);
  return x;
}

// One row of one head a block: x rows, y heads.
template <class T>
__global__ void __launch_bounds__(kThreads) softmax_rows(const SoftmaxTile<T> tile) {
  constexpr float nothing = -std::numeric_limits<float>::infinity();
  float* of_warps = reinterpret_cast<float*>(shared_memory());
  const int row = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y);
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t first = (std::int64_t{head} * tile.rows + row) * tile.keys;
  float* state = tile.states + (std::int64_t{row} * tile.heads + head) * (tile.value_dim + 2);
  const auto score = [&](int key) {
    const bool seen = (!tile.causal || key <= row + tile.offset) && (tile.visible == nullptr || tile.visible[key] != 0);
    return seen ? tile.scores[first + key] * tile.scale_log2 : nothing;
  };

  const float before = state[tile.value_dim + 1] * kLog2e;
  float highest = before;
  for (int key = thread; key < tile.keys; key += kThreads) highest = fmaxf(highest, score(key));
  highest = over_block(highest, Maximum(), of_warps);
  // What weights are relative to is the maximum as the state will hold it, or, where that is off by more than weights
  // near 1 can make up for, the maximum: scores so large round by as much.
  const float kept = highest / kLog2e, held = fabsf(highest - kept * kLog2e) <= 1 ? kept * kLog2e : highest;
  const float base = highest == nothing ? 0.0f : held;
  float sum = 0;
  for (int key = thread; key < tile.keys; key += kThreads) {
    const float weight = exp2_approximate(score(key) - base);
    sum += weight;
    store(weight, tile.weights + first + key);
  }
  sum = over_block(sum, Sum(), of_warps);
  const float correction = before == nothing ? 0.0f : exp2_approximate(before - base);
  for (int c = thread; c < tile.value_dim; c += kThreads) state[c] *= correction;
  if (thread != 0) return;
  state[tile.value_dim] = state[tile.value_dim] * correction + sum;
  state[tile.value_dim + 1] = highest == nothing ? nothing : kept;
}

}  // namespace

template <class T>
void online_softmax(const SoftmaxTile<T>& tile, const Stream& stream) {
  const dim3 blocks(static_cast<unsigned>(tile.rows), static_cast<unsigned>(tile.heads));
  launch(softmax_rows<T>, {blocks, dim3(kThreads), kThreads / 32 * sizeof(float)}, stream, tile);
}

template void online_softmax(const SoftmaxTile<float>&, const Stream&);
template void online_softmax(const SoftmaxTile<Bf16>&, const Stream&);

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// A thread owns a unit of a sequence: it reads four sums and a cell, neighbours beside each other.
#include "kernels/cuda/lstm/gates.hpp"

#include <cassert>
#include <cmath>
#include <cstdint>
#include <launch.cuh>

namespace knowscale::cuda {
namespace {

constexpr int kThreads = 128;

// 1 / (1 + e^-x) by e^-|x|, which cannot overflow.
template <class T>
__device__ __forceinline__ T sigmoid(T x) {
  const T e = std::exp(-std::abs(x)), positive = T{1} / (T{1} + e);
  return x < T{0} ? e * positive : positive;
}

// Blocks: B x ceil(H / kThreads).
template <class T>
__global__ void __launch_bounds__(kThreads) update_units(GateStep<T> step) {
  const std::int64_t sequence = blockIdx.x, units = step.cell.cols;
  const std::int64_t unit = std::int64_t{blockIdx.y} * kThreads + threadIdx.x;
  if (unit >= units) return;
  const T* products = step.products + sequence * 4 * units + unit;
  T gates[4];
  for (int g = 0; g < 4; ++g) {
    gates[g] = products[g * units] + step.bias[g * units + unit];
    if (step.projected != nullptr) gates[g] += step.projected[sequence * step.projected_stride + g * units + unit];
  }
  T* cell = step.cell.data + sequence * step.cell.stride + unit;
  const T next = sigmoid(gates[1]) * *cell + sigmoid(gates[0]) * std::tanh(gates[2]);
  *cell = next;
  step.hidden.data[sequence * step.hidden.stride + unit] = sigmoid(gates[3]) * std::tanh(next);
}

}  // namespace

template <class T>
void update_state(const GateStep<T>& step, const Stream& stream) {
  assert(step.hidden.rows == step.cell.rows && step.hidden.cols == step.cell.cols);
  const auto sequences = static_cast<unsigned>(step.cell.rows);
  const auto blocks = static_cast<unsigned>((step.cell.cols + kThreads - 1) / kThreads);
  launch(update_units<T>, {{sequences, blocks}, {kThreads}}, stream, step);
}

template void update_state(const GateStep<float>&, const Stream&);
template void update_state(const GateStep<double>&, const Stream&);

}  // namespace knowscale::cuda

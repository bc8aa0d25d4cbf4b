// SPDX-License-Identifier: BSD-3-Clause
// Attention of the kernel table on the device of this rank: queries, keys that are not kept there, and masks go to the
// device, states come back.
#pragma once

#include "kernels/cuda/attention/fused.hpp"
#include "kernels/cuda/attention/task.hpp"
#include "kernels/cuda/attention/two_products.hpp"
#include "kernels/cuda/runtime/rank_device.hpp"
#include "kernels/cuda/runtime/staging.hpp"
#include "kernels/kernel.hpp"

namespace knowscale::cuda {

// Buffers of one attention at a time.
template <class T>
struct Workspace {
  Staging queries, keys, values, visible, states;
  DeviceBuffer<float> parts;
  ProductTiles<T> tiles;
};

// Copies what is not on the device and queues the state of input's queries over its keys into `out`, device memory of
// queries.rows x heads rows of value_dim + 2 numbers. The caller has entered the device.
template <class T>
void attend_from_host(RankDevice& device, Workspace<T>& workspace, Method method, const AttentionInput<T>& input,
                      float* out);

// The same for states of the host: compute() of the kernel table. Blocks; returns the seconds of copies.
template <class T>
double compute(Method method, const AttentionInput<T>& input, MatrixView<float> out);

}  // namespace knowscale::cuda

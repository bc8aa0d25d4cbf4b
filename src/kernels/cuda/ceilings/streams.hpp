// SPDX-License-Identifier: BSD-3-Clause
// Buffers of device memory filled with random numbers, and read once from end to end. Calls queue work on the stream.
#pragma once

#include <cstdint>

#include "kernels/cuda/runtime/device.hpp"

namespace knowscale::cuda {

// data[i] = a function of i and the seed, uniform in +- sqrt(3): mean 0, variance 1. T: float, Bf16, F16.
template <class T>
void fill_random(T* data, std::int64_t count, std::uint32_t seed, const Stream& stream);

// sums[b] = the sum, modulo 2^32, of the words that block b of `blocks` has read of the `count` words of `data`, which
// is aligned to 16 bytes: all of them, each once.
void sum_words(const std::uint32_t* data, std::int64_t count, std::uint32_t* sums, int blocks, const Stream& stream);

}  // namespace knowscale::cuda

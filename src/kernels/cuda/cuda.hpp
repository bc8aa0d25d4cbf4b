// SPDX-License-Identifier: BSD-3-Clause
// Devices, as the rest of the program knows them: nothing of CUDA is included here. A build without CUDA has the same
// functions (none.cpp) and no device.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/kernel.hpp"

namespace knowscale::cuda {

// Names of kernels that run on devices, in whatever build.
inline constexpr std::string_view kKernelNames[] = {"cublas", "cublas_tf32", "cuda"};

constexpr bool is_kernel_of_devices(std::string_view name) {
  return std::ranges::find(kKernelNames, name) != std::end(kKernelNames);
}

struct Device {
  int index = 0;
  std::string name;         // "NVIDIA H100 80GB HBM3"
  std::string bus;          // where it sits: "0000:01:00.0"
  int multiprocessors = 0;
  std::int64_t memory = 0;  // bytes
  std::int64_t cache = 0;   // bytes, the last level
};

// Whether this build has kernels for devices.
bool built();

// What it is built with: "CUDA 13.0, cuBLAS 13.1.0, cuDNN 9.19.0", or that it is not.
std::string version();

// Devices that this process sees; 0 in a build without.
int device_count();

// The device that every call of this process works on from now on. Throws Error(resource) where there is none such.
Device use_device(int index);

// Bytes that are free on the device in use.
std::int64_t free_bytes();

// The kernels of this build, none where this process sees no device.
std::span<const Kernel> kernels();

// Bytes of the device that attention to `keys` keys of that shape takes beyond the keys, for so many queries at once.
std::int64_t scratch_bytes(Method method, Precision precision, const HeadShape& shape, std::int64_t queries,
                           std::int64_t keys);

// Bytes of the device that rows of heads of so many columns take, padded as kernels want them.
std::int64_t resident_bytes(Precision precision, std::int64_t rows, std::int64_t heads, std::int64_t head_dim);

// A copy of `rows` (heads side by side, head_dim columns each) on the device, for as long as what is returned lives:
// kernels that are given these rows, or some of them, use it and copy nothing. The rows must stay as and where they are.
template <class T>
std::shared_ptr<const void> keep_on_device(MatrixView<const T> rows, std::int64_t heads, std::int64_t head_dim);

// Seconds that this process has spent on copies between host and device since this was last called.
double take_copy_seconds();

}  // namespace knowscale::cuda

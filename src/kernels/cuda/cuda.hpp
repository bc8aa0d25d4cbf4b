// SPDX-License-Identifier: BSD-3-Clause
// The device of this process and what is kept there: nothing of CUDA is included here. What the functions do, the
// engine says (kernels/engine.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "kernels/engine.hpp"

namespace knowscale::cuda {

// What it is built with: "CUDA 13.0, cuBLAS 13.1.0, cuDNN 9.19.0".
std::string version();

// Devices that this process sees.
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
// kernels that are given these rows, or some of them, use it and copy nothing. The rows must stay as and where they
// are.
extern const ByPrecision<KeepRows> keep_on_device;

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// States that stay on the device of this rank until they are merged there.
#pragma once

#include <memory>

#include "kernels/device_states.hpp"

namespace knowscale::cuda {

// For at most `rows` rows of attention of that shape. Throws Error(resource) where there is no room. T: float, Bf16,
// F16.
template <class T>
std::unique_ptr<DeviceStates<T>> device_states(const AttentionInput<T>& input, Method method, std::int64_t rows);

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// States that stay on the device of this rank until they are merged there.
#pragma once

#include "kernels/device_states.hpp"

namespace knowscale::cuda {

extern const ByPrecision<MakeStates> device_states;

}  // namespace knowscale::cuda

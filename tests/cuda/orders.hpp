// SPDX-License-Identifier: BSD-3-Clause
// In what orders a device may do what it may do in any order.
#pragma once

#include <functional>

namespace knowscale::cuda {

// Calls body() once for every order that this build can choose: two on the emulated device, one on a real one.
void for_every_order(const std::function<void()>& body);

}  // namespace knowscale::cuda

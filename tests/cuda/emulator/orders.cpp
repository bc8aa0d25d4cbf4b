// SPDX-License-Identifier: BSD-3-Clause
#include "cuda/orders.hpp"

#include "emulator.hpp"

namespace knowscale::cuda {

void for_every_order(const std::function<void()>& body) {
  for (const auto order : {emulator::Order::first_to_last, emulator::Order::last_to_first}) {
    emulator::order = order;
    body();
  }
  emulator::order = emulator::Order::first_to_last;
}

}  // namespace knowscale::cuda

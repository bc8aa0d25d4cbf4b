// SPDX-License-Identifier: BSD-3-Clause
// Runs a test in every order that the emulated device knows.
#pragma once

#include <gtest/gtest.h>

#include "emulator.hpp"

namespace knowscale::cuda {

template <class Body>
void for_every_order(const Body& body) {
  for (const auto order : {emulator::Order::first_to_last, emulator::Order::last_to_first}) {
    SCOPED_TRACE(order == emulator::Order::first_to_last ? "first to last" : "last to first");
    emulator::order = order;
    body();
  }
  emulator::order = emulator::Order::first_to_last;
}

}  // namespace knowscale::cuda

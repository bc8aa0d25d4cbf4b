// SPDX-License-Identifier: BSD-3-Clause
// The engines of a build for the host alone. Nothing else is in this file: a program that is linked with another
// definition takes that.
#include "kernels/engine.hpp"

namespace knowscale {

std::span<const Engine* const> engines() {
  static const Engine* const all[] = {&host_engine()};
  return all;
}

}  // namespace knowscale

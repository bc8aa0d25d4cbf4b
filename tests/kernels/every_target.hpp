// SPDX-License-Identifier: BSD-3-Clause
// Tests on every instruction set that this build and this machine have.
#pragma once

#include "kernels/targets.hpp"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <concepts>
#include <cstdint>

namespace knowscale {

// Calls body(), or body(target), with dispatch held to each of them in turn.
template <class Body>
void for_every_target(const Body& body) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    if constexpr (std::invocable<const Body&, std::int64_t>)
      body(target);
    else
      body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Tests on every instruction set that this build and this machine have.
#pragma once

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <cstdint>

namespace knowscale {

// Calls body() with dispatch held to each of them in turn.
template <class Body>
void for_every_target(const Body& body) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace knowscale

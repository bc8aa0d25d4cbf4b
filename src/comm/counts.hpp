// SPDX-License-Identifier: BSD-3-Clause
// MPI counts with int; what does not fit is refused, never cut off.
#pragma once

#include <cstdint>

namespace knowscale {

// `count` as an int. Throws Error(usage) with the remedy where it does not fit.
int message_count(std::int64_t count);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// `two_phase` and `reduce_scatter` for states that are computed on devices and merged there: maxima agreed on, rows
// rescaled, summed, all in device memory; only what this rank ends with comes to the host.
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::on_device {

// By where the sums land. Kernels of devices have no f64. Collective. Throws CollectiveError(resource) as
// device_collectives().
extern const ByPrecision<PrepareAttention> replicated, sharded;

}  // namespace knowscale::on_device

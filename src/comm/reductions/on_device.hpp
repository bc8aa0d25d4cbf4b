// SPDX-License-Identifier: BSD-3-Clause
// `two_phase` and `reduce_scatter` for states that are computed on devices and merged there: maxima agreed on, rows
// rescaled, summed, all in device memory; only what this rank ends with comes to the host.
#pragma once

#include <memory>

#include "comm/reduction.hpp"

namespace knowscale {

// natural: where the sums land. Collective. Throws CollectiveError(resource) as device_collectives().
template <class T>
std::unique_ptr<PreparedAttention<T>> prepare_on_device(const ShardedAttention<T>& attention, Placement natural);

}  // namespace knowscale

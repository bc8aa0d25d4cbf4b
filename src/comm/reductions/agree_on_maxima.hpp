// SPDX-License-Identifier: BSD-3-Clause
// States that all ranks refer to the same maxima may be added: the first half of two_phase and reduce_scatter.
#pragma once

#include "comm/channel.hpp"
#include "comm/reduction_cost.hpp"
#include "kernels/attention.hpp"

namespace knowscale {

// Sets maxima[i] to the largest m of row i over the ranks and refers `rows` to it. In a sum of such rows o and l are
// those of the merged state; its column m means nothing.
template <class A>
Exchange agree_on_maxima(const Channel& channel, MatrixView<A> rows, std::span<A> maxima, const Threads& threads);

// An allreduce of n h w bytes.
ReductionCost cost_of_maxima(const ReductionShape& shape);

}  // namespace knowscale

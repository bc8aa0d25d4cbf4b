// SPDX-License-Identifier: BSD-3-Clause
// Plain loops in f64, whatever T is: what the other kernels are tested against.
#pragma once

#include "kernels/attention.hpp"

namespace knowscale::reference {

template <class T>
void compute(const AttentionInput<T>& input, MatrixView<Accumulator<T>> out, const Threads& threads);

std::int64_t scratch_bytes(const HeadShape& shape, int threads);

}  // namespace knowscale::reference

// SPDX-License-Identifier: BSD-3-Clause
// Attention under one softmax over keys of several kinds, such as a sequence's own tokens and the knowledge, and over
// sequences of unequal lengths that lie one behind the other: what kernels are asked for, one part after another.
#pragma once

#include <span>

#include "kernels/kernel.hpp"
#include "kernels/key_source.hpp"

namespace knowscale {

// The state of `queries` (keys, values and tiles' numbers of keys are not looked at; queries.mask.first_query is the
// token that the first of them is) over all sources: overwrites `out`, queries.rows x heads rows. Sources merge in
// their order, so that the result has the same bits for every division of the same work into calls. Returns the seconds
// of copies between host and device.
template <class T>
double attend(const Kernel& kernel, const AttentionInput<T>& queries, std::span<const KeySource<T>> sources,
              MatrixView<Accumulator<T>> out, const Threads& threads);

}  // namespace knowscale

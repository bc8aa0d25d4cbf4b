// SPDX-License-Identifier: BSD-3-Clause
// One row of attention by plain loops in f64, without threads: what checks elsewhere sample.
#pragma once

#include "kernels/attention.hpp"

namespace knowscale::reference {

// One query and head against all keys, in two passes: the maximum, then the sums relative to it. Writes [o | l | m],
// value_dim + 2 numbers.
template <class T>
void compute_row(const AttentionInput<T>& input, std::int64_t query_index, std::int64_t head, Accumulator<T>* out);

}  // namespace knowscale::reference

// SPDX-License-Identifier: BSD-3-Clause
// `two_phase`: agree on the maxima first, then sum states that all refer to them; built-in operators only.
//
//   1. allreduce MAX of the n h maxima       every rank: M_i = max_r m_i of rank r
//   2. rescale o and l by exp(m_i - M_i)     (local)
//   3. allreduce SUM of the rows             every rank: the merged state
//
// Step 3 sends whole rows with the column m set to 0: one number in d_v + 2 too many, and no copy.
#pragma once

#include "comm/reduction.hpp"

namespace knowscale::two_phase {

template <class T>
RowRange run(const Communicator& comm, Partial<T>& partial);

// An allreduce of n h w bytes, then one of S bytes.
Traffic traffic(const ReductionShape& shape);

// Steps 1 and 2, shared with reduce_scatter: returns the common maxima; rows are rescaled to them, and their
// column m is 0, ready to be summed.
template <class T>
Matrix<T> agree_on_maxima(const Communicator& comm, Partial<T>& partial);

// Sets the column m of `rows` to `maxima`.
template <class T>
void set_maxima(MatrixView<T> rows, std::span<const T> maxima);

// The traffic of step 1.
Traffic maxima_traffic(const ReductionShape& shape);

}  // namespace knowscale::two_phase

// SPDX-License-Identifier: BSD-3-Clause
// Weighted second moments of rows of the host, summed on the device of this rank.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/moment_sums.hpp"

namespace knowscale::cuda {

// For each `chunk` of rows, the last of which may be shorter: the sums of all kinds and heads, moment_rows() rows
// (kind, head, i) of value_dim numbers, one chunk's behind the other's in `sums`, host memory without gaps. A chunk's
// bits depend on its rows alone. Rows that are kept on the device are read there, others are copied; blocks. Returns
// the seconds of copies.
template <class T>
double moments_from_host(const MomentRows<T>& rows, std::span<const MomentKind> kinds, std::int64_t chunk,
                         MatrixView<Accumulator<T>> sums);

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// The table of bench_cuda: one row per line, columns without spaces in them, for eyes and for awk.
#pragma once

#include "bench.hpp"
#include "kernels/cuda/cuda.hpp"

namespace knowscale::cuda::bench {

// The device, its rates and the names of the columns.
void print_heading(const Device& device, const DeviceRates& rates);

void print_row(const Row& row, const DeviceRates& rates);

}  // namespace knowscale::cuda::bench

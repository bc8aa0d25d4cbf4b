// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/reference/attention.hpp"

#include "kernels/reference/row.hpp"
#include "kernels/threads.hpp"

namespace knowscale::reference {
namespace {

template <class T>
double compute_rows(const AttentionInput<T>& input, MatrixView<Accumulator<T>> out, const Threads& threads) {
  threads.parallel_for(out.rows, [&](std::int64_t row) {
    compute_row(input, row / input.shape.heads, row % input.shape.heads, out.row(row));
    threads.poll();
  });
  return 0;
}

}  // namespace

constinit const ByPrecision<ComputeState> compute =
    by_precision<ComputeState>([]<class T>() { return compute_rows<T>; });

std::int64_t scratch_bytes(Precision, const HeadShape& shape, int threads) {
  return shape.value_dim * static_cast<std::int64_t>(sizeof(long double)) * threads;
}

}  // namespace knowscale::reference

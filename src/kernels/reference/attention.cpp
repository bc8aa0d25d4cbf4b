// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/reference/attention.hpp"

#include "kernels/reference/row.hpp"
#include "kernels/threads.hpp"

namespace knowscale::reference {

template <class T>
void compute(const AttentionInput<T>& input, MatrixView<Accumulator<T>> out, const Threads& threads) {
  threads.parallel_for(out.rows, [&](std::int64_t row) {
    compute_row(input, row / input.shape.heads, row % input.shape.heads, out.row(row));
    threads.poll();
  });
}

std::int64_t scratch_bytes(const HeadShape& shape, int threads) {
  return shape.value_dim * static_cast<std::int64_t>(sizeof(long double)) * threads;
}

template void compute(const AttentionInput<float>&, MatrixView<float>, const Threads&);
template void compute(const AttentionInput<double>&, MatrixView<double>, const Threads&);
template void compute(const AttentionInput<Bf16>&, MatrixView<float>, const Threads&);
template void compute(const AttentionInput<F16>&, MatrixView<float>, const Threads&);

}  // namespace knowscale::reference

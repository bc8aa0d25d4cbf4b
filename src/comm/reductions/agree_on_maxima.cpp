// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/agree_on_maxima.hpp"

#include "kernels/partial.hpp"

namespace knowscale {

template <class A>
Exchange agree_on_maxima(const Channel& channel, MatrixView<A> rows, std::span<A> maxima, const Threads& threads) {
  const std::int64_t m = rows.cols - 1;
  for (std::int64_t i = 0; i < rows.rows; ++i) maxima[static_cast<std::size_t>(i)] = rows(i, m);
  co_await channel.allreduce(maxima, Combine::maximum);
  rescale<A>(rows, maxima, threads);
}

ReductionCost cost_of_maxima(const ReductionShape& shape) {
  const double bytes = static_cast<double>(shape.queries) * shape.maxima_bytes();
  ReductionCost cost;
  if (shape.ranks == 1) return cost;
  cost.sent = allreduce_traffic(bytes, shape.ranks);
  cost.allreduces = 1;
  cost.allreduce_bytes = bytes;
  return cost;
}

template Exchange agree_on_maxima(const Channel&, MatrixView<float>, std::span<float>, const Threads&);
template Exchange agree_on_maxima(const Channel&, MatrixView<double>, std::span<double>, const Threads&);

}  // namespace knowscale

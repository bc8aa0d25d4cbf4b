// SPDX-License-Identifier: BSD-3-Clause
#include "comm/two_phase.hpp"

namespace knowscale::two_phase {

template <class T>
Matrix<T> agree_on_maxima(const Communicator& comm, Partial<T>& partial) {
  const MatrixView<T> rows = partial.rows();
  const std::int64_t m = rows.cols - 1;
  Matrix<T> maxima(1, rows.rows);
  for (std::int64_t i = 0; i < rows.rows; ++i) maxima(0, i) = rows(i, m);
  comm.allreduce(maxima.span(), Combine::maximum);
  rescale<T>(rows, maxima.span());
  for (std::int64_t i = 0; i < rows.rows; ++i) rows(i, m) = T{0};
  return maxima;
}

template <class T>
void set_maxima(MatrixView<T> rows, std::span<const T> maxima) {
  for (std::int64_t i = 0; i < rows.rows; ++i) rows(i, rows.cols - 1) = maxima[static_cast<std::size_t>(i)];
}

template <class T>
RowRange run(const Communicator& comm, Partial<T>& partial) {
  const Matrix<T> maxima = agree_on_maxima(comm, partial);
  comm.allreduce(std::span<T>(partial.rows().data, static_cast<std::size_t>(partial.rows().size())), Combine::sum);
  set_maxima<T>(partial.rows(), maxima.span());
  return {0, partial.row_count()};
}

Traffic maxima_traffic(const ReductionShape& shape) {
  const double bytes = shape.state_bytes() / static_cast<double>(shape.heads.value_dim + 2);
  return allreduce_traffic(bytes, shape.ranks);
}

Traffic traffic(const ReductionShape& shape) {
  const Traffic maxima = maxima_traffic(shape), sums = allreduce_traffic(shape.state_bytes(), shape.ranks);
  return {maxima.messages + sums.messages, maxima.bytes + sums.bytes};
}

template RowRange run(const Communicator&, Partial<float>&);
template RowRange run(const Communicator&, Partial<double>&);
template Matrix<float> agree_on_maxima(const Communicator&, Partial<float>&);
template Matrix<double> agree_on_maxima(const Communicator&, Partial<double>&);
template void set_maxima(MatrixView<float>, std::span<const float>);
template void set_maxima(MatrixView<double>, std::span<const double>);

}  // namespace knowscale::two_phase

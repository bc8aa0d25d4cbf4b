// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reduce_scatter.hpp"

#include <algorithm>
#include <vector>

#include "comm/counts.hpp"
#include "comm/two_phase.hpp"

namespace knowscale::reduce_scatter {

template <class T>
RowRange run(const Communicator& comm, Partial<T>& partial) {
  const Matrix<T> maxima = two_phase::agree_on_maxima(comm, partial);
  message_count(partial.rows().size());  // the displacements inside MPI are int too
  std::vector<int> counts;
  for (int r = 0; r < comm.size(); ++r) {
    const RowRange rows = result_rows(partial.queries(), partial.heads(), comm.size(), r);
    counts.push_back(message_count(rows.size() * partial.row_width()));
  }
  const RowRange mine = result_rows(partial.queries(), partial.heads(), comm.size(), comm.rank());
  Matrix<T> merged(mine.size(), partial.row_width());
  check_mpi(
      MPI_Reduce_scatter(partial.rows().data, merged.data(), counts.data(), mpi_type<T>(), MPI_SUM, comm.handle()),
      "MPI_Reduce_scatter");
  const MatrixView<T> rows = partial.rows().slice_rows(mine);
  std::copy_n(merged.data(), merged.size(), rows.data);
  two_phase::set_maxima<T>(rows, maxima.span().subspan(static_cast<std::size_t>(mine.begin)));
  return mine;
}

Traffic traffic(const ReductionShape& shape) {
  const Traffic maxima = two_phase::maxima_traffic(shape);
  const double others = shape.ranks - 1;
  return {maxima.messages + others, maxima.bytes + others / shape.ranks * shape.state_bytes()};
}

template RowRange run(const Communicator&, Partial<float>&);
template RowRange run(const Communicator&, Partial<double>&);

}  // namespace knowscale::reduce_scatter

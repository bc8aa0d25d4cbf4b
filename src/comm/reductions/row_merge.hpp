// SPDX-License-Identifier: BSD-3-Clause
// The merge of states as an operator of MPI.
#pragma once

#include "comm/row_type.hpp"
#include "kernels/threads.hpp"

namespace knowscale {

// The datatype of a row (o, l, m) of numbers of type A, and the operator that merges rows with the given threads; freed
// together. MPI must be done with them.
template <class A>
class RowMerge {
 public:
  // `threads` must stay.
  RowMerge(std::int64_t width, const Threads& threads);
  ~RowMerge();
  RowMerge(const RowMerge&) = delete;
  RowMerge& operator=(const RowMerge&) = delete;

  MPI_Datatype row() const { return row_.get(); }
  MPI_Op op() const { return op_; }

 private:
  RowType<A> row_;
  MPI_Op op_ = MPI_OP_NULL;
};

}  // namespace knowscale

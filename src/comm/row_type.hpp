// SPDX-License-Identifier: BSD-3-Clause
// A row of a matrix as one element of a message, so that counts are rows and stay small.
#pragma once

#include "comm/communicator.hpp"
#include "comm/counts.hpp"

namespace knowscale {

// `cols` numbers of type T; freed with this object, which messages under way may outlive.
template <class T>
class RowType {
 public:
  explicit RowType(std::int64_t cols) {
    check_mpi(MPI_Type_contiguous(message_count(cols), mpi_type<T>(), &type_), "MPI_Type_contiguous");
    check_mpi(MPI_Type_commit(&type_), "MPI_Type_commit");
  }
  ~RowType() { MPI_Type_free(&type_); }
  RowType(const RowType&) = delete;
  RowType& operator=(const RowType&) = delete;
  MPI_Datatype get() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

}  // namespace knowscale

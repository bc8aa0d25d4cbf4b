// SPDX-License-Identifier: BSD-3-Clause
#include "comm/packed.hpp"

#include "comm/counts.hpp"

namespace knowscale::packed {
namespace {

// One element is a row of T; its width is the size of the type.
template <class T>
void merge_rows(void* in, void* inout, int* count, MPI_Datatype* type) {
  int bytes = 0;
  MPI_Type_size(*type, &bytes);
  const std::int64_t width = bytes / static_cast<std::int64_t>(sizeof(T));
  merge(MatrixView<T>{static_cast<T*>(inout), *count, width, width},
        MatrixView<const T>{static_cast<const T*>(in), *count, width, width});
}

// The datatype of a row and the operator that merges two, freed together.
template <class T>
class RowMerge {
 public:
  explicit RowMerge(std::int64_t width) {
    check_mpi(MPI_Type_contiguous(message_count(width), mpi_type<T>(), &row_), "MPI_Type_contiguous");
    check_mpi(MPI_Type_commit(&row_), "MPI_Type_commit");
    check_mpi(MPI_Op_create(merge_rows<T>, /*commute=*/1, &op_), "MPI_Op_create");
  }
  ~RowMerge() {
    MPI_Op_free(&op_);
    MPI_Type_free(&row_);
  }
  RowMerge(const RowMerge&) = delete;
  RowMerge& operator=(const RowMerge&) = delete;
  MPI_Datatype row() const { return row_; }
  MPI_Op op() const { return op_; }

 private:
  MPI_Datatype row_ = MPI_DATATYPE_NULL;
  MPI_Op op_ = MPI_OP_NULL;
};

}  // namespace

template <class T>
RowRange run(const Communicator& comm, Partial<T>& partial) {
  const RowMerge<T> merge_op(partial.row_width());
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, partial.rows().data, message_count(partial.row_count()), merge_op.row(),
                          merge_op.op(), comm.handle()),
            "MPI_Allreduce");
  return {0, partial.row_count()};
}

Traffic traffic(const ReductionShape& shape) { return allreduce_traffic(shape.state_bytes(), shape.ranks); }

template RowRange run(const Communicator&, Partial<float>&);
template RowRange run(const Communicator&, Partial<double>&);

}  // namespace knowscale::packed

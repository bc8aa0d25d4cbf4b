// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/row_merge.hpp"

#include "kernels/partial.hpp"

namespace knowscale {
namespace {

// An operator has no argument of its own, but it is told the datatype, and datatypes carry attributes: under this key,
// the threads.
int threads_key() {
  static const int key = [] {
    int made = MPI_KEYVAL_INVALID;
    check_mpi(MPI_Type_create_keyval(MPI_TYPE_NULL_COPY_FN, MPI_TYPE_NULL_DELETE_FN, &made, nullptr),
              "MPI_Type_create_keyval");
    return made;
  }();
  return key;
}

template <class A>
void merge_rows(void* in, void* inout, int* count, MPI_Datatype* type) {
  void* threads = nullptr;
  int bytes = 0, found = 0;
  MPI_Type_size(*type, &bytes);
  MPI_Type_get_attr(*type, threads_key(), &threads, &found);
  const std::int64_t width = bytes / static_cast<std::int64_t>(sizeof(A));
  merge(MatrixView<A>{static_cast<A*>(inout), *count, width, width},
        MatrixView<const A>{static_cast<const A*>(in), *count, width, width}, *static_cast<const Threads*>(threads));
}

}  // namespace

template <class A>
RowMerge<A>::RowMerge(std::int64_t width, const Threads& threads) : row_(width) {
  check_mpi(MPI_Type_set_attr(row_.get(), threads_key(), const_cast<Threads*>(&threads)), "MPI_Type_set_attr");
  check_mpi(MPI_Op_create(merge_rows<A>, /*commute=*/1, &op_), "MPI_Op_create");
}

template <class A>
RowMerge<A>::~RowMerge() {
  MPI_Op_free(&op_);
}

template class RowMerge<float>;
template class RowMerge<double>;

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "comm/shared_window.hpp"

namespace knowscale {

SharedWindow::SharedWindow(const Communicator& node, std::int64_t bytes) {
  void* own = nullptr;
  check_mpi(MPI_Win_allocate_shared(bytes, 1, MPI_INFO_NULL, node.handle(), &own, &window_), "MPI_Win_allocate_shared");
  check_mpi(MPI_Win_lock_all(MPI_MODE_NOCHECK, window_), "MPI_Win_lock_all");
  for (int rank = 0; rank < node.size(); ++rank) {
    MPI_Aint size = 0;
    int unit = 0;
    void* segment = nullptr;
    check_mpi(MPI_Win_shared_query(window_, rank, &size, &unit, &segment), "MPI_Win_shared_query");
    segments_.push_back(segment);
  }
}

SharedWindow::~SharedWindow() {
  MPI_Win_unlock_all(window_);
  MPI_Win_free(&window_);
}

void SharedWindow::sync() const { check_mpi(MPI_Win_sync(window_), "MPI_Win_sync"); }

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Memory that all ranks of a node see (MPI-3 shared-memory windows).
#pragma once

#include <cstdint>
#include <vector>

#include "comm/communicator.hpp"

namespace knowscale {

// A segment a rank, written first by nobody: the rank that touches a page places it. Collective to make and to destroy.
class SharedWindow {
 public:
  // `bytes` of this rank's segment. `node`: ranks of one node; must outlive the window.
  SharedWindow(const Communicator& node, std::int64_t bytes);
  ~SharedWindow();
  SharedWindow(const SharedWindow&) = delete;
  SharedWindow& operator=(const SharedWindow&) = delete;

  void* segment(int rank) const { return segments_[static_cast<std::size_t>(rank)]; }
  // Makes what this rank wrote visible before a barrier, and what others wrote after one.
  void sync() const;

 private:
  MPI_Win window_ = MPI_WIN_NULL;
  std::vector<void*> segments_;
};

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// The threads of one rank: a oneTBB arena of a fixed size, so that a kernel uses exactly what the case
// asked for and the same task runs on the same thread in every repetition where it can.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_arena.h>

#include <cstdint>

namespace knowscale {

class Threads {
 public:
  explicit Threads(int count)
      : count_(count),
        limit_(oneapi::tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(count)),
        arena_(count) {}

  int count() const { return count_; }

  // Calls body(task) for every task in [0, tasks), in contiguous runs of tasks a thread; blocks until all
  // are done. An exception of a task is rethrown here.
  template <class Body>
  void parallel_for(std::int64_t tasks, const Body& body) const {
    if (count_ == 1 || tasks == 1) {
      for (std::int64_t task = 0; task < tasks; ++task) body(task);
      return;
    }
    arena_.execute([&] { oneapi::tbb::parallel_for(std::int64_t{0}, tasks, body, oneapi::tbb::static_partitioner{}); });
  }

 private:
  int count_;
  oneapi::tbb::global_control limit_;
  mutable oneapi::tbb::task_arena arena_;
};

}  // namespace knowscale

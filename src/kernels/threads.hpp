// SPDX-License-Identifier: BSD-3-Clause
// The threads of one rank: a oneTBB arena of a fixed size, so that a kernel uses exactly what the case
// asked for and the same task runs on the same thread in every repetition where it can.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_arena.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

namespace knowscale {

class Threads {
 public:
  explicit Threads(int count) : count_(count) {
    if (count == 1) return;
    limit_.emplace(oneapi::tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(count));
    arena_.emplace(count);
  }

  int count() const { return count_; }

  // Kernels call this on every thread after each block of keys or tile: what while_polling() asked for is then done by
  // the thread that made this object, for messages that go on only when MPI is called. It computes alone there.
  void poll() const {
    if (!poll_ || std::this_thread::get_id() != owner_ || polling_) return;  // polling_ is the owner's to read, too
    polling_ = true;
    poll_();
    polling_ = false;
  }

  class Polling {
   public:
    explicit Polling(const Threads& threads) : threads_(threads) {}
    ~Polling() { threads_.poll_ = nullptr; }
    Polling(const Polling&) = delete;
    Polling& operator=(const Polling&) = delete;

   private:
    const Threads& threads_;
  };
  // `poll` is called at these places for as long as the returned object lives.
  [[nodiscard]] Polling while_polling(std::function<void()> poll) const {
    poll_ = std::move(poll);
    return Polling(*this);
  }

  // Calls body(task) for every task in [0, tasks), in contiguous runs of tasks a thread; blocks until all
  // are done. An exception of a task is rethrown here.
  template <class Body>
  void parallel_for(std::int64_t tasks, const Body& body) const {
    if (count_ == 1 || tasks == 1 || polling_) {
      for (std::int64_t task = 0; task < tasks; ++task) body(task);
      return;
    }
    arena_->execute(
        [&] { oneapi::tbb::parallel_for(std::int64_t{0}, tasks, body, oneapi::tbb::static_partitioner{}); });
  }

 private:
  int count_;
  std::thread::id owner_ = std::this_thread::get_id();
  mutable std::function<void()> poll_;
  mutable bool polling_ = false;  // of the owner alone
  std::optional<oneapi::tbb::global_control> limit_;
  mutable std::optional<oneapi::tbb::task_arena> arena_;
};

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// The threads of one rank: a oneTBB arena of a fixed size, so that a kernel uses exactly what the case
// asked for and the same task runs on the same thread in every repetition where it can.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

namespace knowscale {

class Threads {
 public:
  explicit Threads(int count);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

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
    run(
        tasks, [](const void* of, std::int64_t task) { (*static_cast<const Body*>(of))(task); }, &body);
  }

 private:
  // oneTBB's headers are in threads.cpp alone: they would cost every file that has threads one second.
  struct Arena;
  void run(std::int64_t tasks, void (*call)(const void* body, std::int64_t task), const void* body) const;

  int count_;
  std::thread::id owner_ = std::this_thread::get_id();
  mutable std::function<void()> poll_;
  mutable bool polling_ = false;  // of the owner alone
  std::unique_ptr<Arena> arena_;  // none of one thread
};

}  // namespace knowscale

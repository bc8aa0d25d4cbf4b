// SPDX-License-Identifier: BSD-3-Clause
// Messages under way beside compute. A reduction's exchange is a coroutine: it reads from top to bottom, is suspended
// where it waits for messages, and goes on when whoever owns it polls.
//
//   Exchange merge_over(Channel& channel, MatrixView<float> rows) {
//     co_await channel.allreduce(maxima, Combine::maximum);  // suspended until the maxima have arrived
//     rescale(rows, maxima);
//     co_await channel.allreduce(rows, Combine::sum);
//   }
#pragma once

#include <mpi.h>

#include <coroutine>
#include <exception>
#include <utility>
#include <vector>

namespace knowscale {

// What an exchange may wait for.
class Awaited {
 public:
  virtual ~Awaited() = default;
  // Goes on as far as it can without waiting; true when it is complete. Throws Error(resource) when MPI fails.
  virtual bool complete() = 0;
};

// Messages that were started; none are complete at once. Their buffers must stay until they are complete.
class Requests : public Awaited {
 public:
  // A place for the request of one more message.
  MPI_Request* add() { return &requests_.emplace_back(MPI_REQUEST_NULL); }
  void add(Requests&& others);
  // Counts that MPI reads until the messages are complete.
  const int* keep(std::vector<int> counts) { return kept_.emplace_back(std::move(counts)).data(); }
  bool complete() override;
  void wait();

 private:
  std::vector<MPI_Request> requests_;
  std::vector<std::vector<int>> kept_;
};

// Owns a coroutine, which runs until its first messages are under way as soon as it is called.
class Exchange : public Awaited {
 public:
  class promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  Exchange() = default;  // nothing to do: complete
  Exchange(Exchange&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Exchange& operator=(Exchange&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Exchange() override {
    if (handle_) handle_.destroy();
  }

  bool complete() override;
  void wait();

 private:
  explicit Exchange(Handle handle) : handle_(handle) {}
  Handle handle_;
};

class Exchange::promise_type {
 public:
  Exchange get_return_object() { return Exchange(Handle::from_promise(*this)); }
  std::suspend_never initial_suspend() const noexcept { return {}; }
  std::suspend_always final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { error_ = std::current_exception(); }

  // co_await of messages, or of another exchange; it lives in the coroutine while that is suspended.
  template <class Under>
  auto await_transform(Under&& under_way) {
    struct Arrival {
      std::remove_cvref_t<Under> under_way;
      promise_type& promise;
      bool await_ready() { return under_way.complete(); }
      void await_suspend(Handle) { promise.awaited_ = &under_way; }
      void await_resume() const {}
    };
    return Arrival{std::forward<Under>(under_way), *this};
  }

 private:
  friend class Exchange;
  Awaited* awaited_ = nullptr;
  std::exception_ptr error_;
};

}  // namespace knowscale

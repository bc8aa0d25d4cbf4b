// SPDX-License-Identifier: BSD-3-Clause
// The CUDA runtime with its errors checked and its resources owned: device and pinned memory, streams, events.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <utility>

namespace knowscale::cuda {

// Throws Error(resource) with the call, the place and what CUDA says, unless `status` is success.
void check(cudaError_t status, const char* call, const std::source_location& place = std::source_location::current());

// A block of the kernel may have so much dynamic shared memory: more than 48 KiB must be asked for.
template <class... Parameters>
void allow_shared_memory(void (*kernel)(Parameters...), std::size_t bytes) {
  constexpr std::size_t without_asking = 48 << 10;
  if (bytes <= without_asking) return;
  check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(bytes)),
        "cudaFuncSetAttribute");
}

// Uninitialised memory of the current device, or pinned memory of the host: what Allocate gives.
template <class T, class Memory>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t count) { reserve(count); }
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Buffer() { Memory::release(data_); }

  // Makes room for at least `count` numbers; what was there is lost where it has to grow.
  void reserve(std::int64_t count) {
    if (count <= count_) return;
    Memory::release(std::exchange(data_, nullptr));
    count_ = 0;
    data_ = static_cast<T*>(Memory::allocate(static_cast<std::size_t>(count) * sizeof(T)));
    count_ = count;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::int64_t count() const { return count_; }

 private:
  T* data_ = nullptr;
  std::int64_t count_ = 0;
};

struct DeviceMemory {
  // Throws Error(resource) with what was asked for and what is free.
  static void* allocate(std::size_t bytes);
  static void release(void* data) noexcept;
};
struct PinnedMemory {
  static void* allocate(std::size_t bytes);
  static void release(void* data) noexcept;
};

template <class T>
using DeviceBuffer = Buffer<T, DeviceMemory>;
template <class T>
using PinnedBuffer = Buffer<T, PinnedMemory>;

class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  operator cudaStream_t() const { return stream_; }
  // Waits for all that is queued on it.
  void wait() const;

 private:
  cudaStream_t stream_ = nullptr;
};

// A moment of a stream, for timing.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(const Stream& stream) const;
  // Seconds from `start` to this event. Waits for both.
  double seconds_since(const Event& start) const;

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// The emulated runtime: devices, memory, streams and events.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "core/error.hpp"
#include "cuda_runtime.h"
#include "emulator.hpp"
#include "launch.cuh"

struct EmulatedEvent {
  std::chrono::steady_clock::time_point time;
};
struct EmulatedStream {};

namespace {

using knowscale::Error;
using knowscale::ExitStatus;

constexpr std::size_t kGuard = 64;  // bytes before and behind an allocation
constexpr unsigned char kGuardByte = 0xa5;
constexpr int kMultiprocessors = 4;
constexpr std::size_t kSharedOfBlock = 227 << 10, kSharedOfMultiprocessor = 228 << 10;

std::int64_t from_environment(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

struct Machine {
  std::mutex mutex;
  std::map<const unsigned char*, std::size_t> allocations;  // by first byte
  std::size_t allocated = 0;
  std::int64_t launches_left = from_environment("EMULATED_CUDA_LAUNCHES", -1);  // < 0: any number
  bool lost = false;

  std::size_t memory() const {
    return static_cast<std::size_t>(from_environment("EMULATED_CUDA_MEMORY", std::int64_t{1} << 30));
  }
};

Machine& machine() {
  static auto* the_machine = new Machine;  // never freed: static buffers give their memory back after it would be
  return *the_machine;
}

thread_local int current_device = 0;  // as in CUDA, of each thread of the host

cudaError_t state() { return machine().lost ? cudaErrorLaunchFailure : cudaSuccess; }

bool on_device(const void* data, std::size_t bytes) {
  Machine& m = machine();
  const std::lock_guard lock(m.mutex);
  const auto* first = static_cast<const unsigned char*>(data);
  auto after = m.allocations.upper_bound(first);
  if (after == m.allocations.begin()) return false;
  const auto& [begin, size] = *std::prev(after);
  return first + bytes <= begin + size;
}

bool touches_device(const void* data) { return on_device(data, 1); }

// What cudaMemcpy would find at run time, and what it would not: a copy over the end of an allocation.
cudaError_t copy_rows(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                      std::size_t height, cudaMemcpyKind kind) {
  if (state() != cudaSuccess) return state();
  if (width == 0 || height == 0) return cudaSuccess;
  const auto check = [&](const void* data, std::size_t pitch, bool device) {
    if (!device) return !touches_device(data);
    return on_device(data, pitch * (height - 1) + width);
  };
  if (!check(to, to_pitch, kind != cudaMemcpyDeviceToHost)) return cudaErrorInvalidMemcpyDirection;
  if (!check(from, from_pitch, kind != cudaMemcpyHostToDevice)) return cudaErrorInvalidMemcpyDirection;
  if (width > to_pitch || width > from_pitch) return cudaErrorInvalidValue;
  for (std::size_t i = 0; i < height; ++i) {
    std::memcpy(static_cast<unsigned char*>(to) + i * to_pitch, static_cast<const unsigned char*>(from) + i * from_pitch,
                width);
  }
  return cudaSuccess;
}

}  // namespace

namespace emulator {

void require_device_memory(const void* data, std::size_t bytes, const char* what) {
  if (!on_device(data, bytes)) {
    throw Error(ExitStatus::usage, std::string("emulated device: ") + what + " from outside of any allocation");
  }
}

}  // namespace emulator

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidMemcpyDirection: return "cudaErrorInvalidMemcpyDirection";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
  }
  return "unknown";
}
const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorLaunchFailure ? "unspecified launch failure" : cudaGetErrorName(error);
}
cudaError_t cudaGetLastError() { return state(); }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = static_cast<int>(from_environment("EMULATED_CUDA_DEVICES", 1));
  return *count == 0 ? cudaErrorNoDevice : cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  int count = 0;
  cudaGetDeviceCount(&count);
  if (device >= count) return cudaErrorInvalidDevice;
  current_device = device;
  return state();
}
cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return state();
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  *value = kMultiprocessors;
  return state();
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "emulated on the host");
  properties->major = 9;
  properties->multiProcessorCount = kMultiprocessors;
  properties->totalGlobalMem = machine().memory();
  properties->sharedMemPerBlockOptin = kSharedOfBlock;
  properties->sharedMemPerMultiprocessor = kSharedOfMultiprocessor;
  properties->l2CacheSize = 1 << 20;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char* id, int length, int device) {
  std::snprintf(id, static_cast<std::size_t>(length), "0000:%02x:00.0", device);
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 0;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 0;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *total = machine().memory();
  *free = *total - std::min(*total, machine().allocated);
  return state();
}

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  Machine& m = machine();
  if (m.lost) return cudaErrorLaunchFailure;
  const std::lock_guard lock(m.mutex);
  if (m.allocated + bytes > m.memory()) return cudaErrorMemoryAllocation;
  const std::size_t whole = (bytes + 2 * kGuard + 255) / 256 * 256;
  auto* base = static_cast<unsigned char*>(std::aligned_alloc(256, whole + 256)) + 256 - kGuard;
  std::memset(base, kGuardByte, kGuard);
  std::memset(base + kGuard, 0xff, bytes);
  std::memset(base + kGuard + bytes, kGuardByte, kGuard);
  *data = base + kGuard;
  m.allocations[base + kGuard] = bytes;
  m.allocated += bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void* data) {
  if (data == nullptr) return cudaSuccess;
  Machine& m = machine();
  const std::lock_guard lock(m.mutex);
  auto* first = static_cast<unsigned char*>(data);
  const auto found = m.allocations.find(first);
  if (found == m.allocations.end()) return cudaErrorInvalidValue;
  const std::size_t bytes = found->second;
  for (std::size_t i = 0; i < kGuard; ++i) {
    if (first[-1 - static_cast<std::ptrdiff_t>(i)] == kGuardByte && first[bytes + i] == kGuardByte) continue;
    std::fprintf(stderr, "emulated device: a kernel wrote over the end of an allocation of %zu bytes\n", bytes);
    std::abort();
  }
  m.allocated -= bytes;
  m.allocations.erase(found);
  std::free(first - 256);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** data, std::size_t bytes) {
  *data = std::malloc(bytes);
  return state();
}
cudaError_t cudaFreeHost(void* data) {
  std::free(data);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  return copy_rows(to, bytes, from, bytes, bytes, 1, kind);
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind, cudaStream_t) {
  return copy_rows(to, to_pitch, from, from_pitch, width, height, kind);
}
cudaError_t cudaMemsetAsync(void* data, int value, std::size_t bytes, cudaStream_t) {
  if (bytes > 0 && !on_device(data, bytes)) return cudaErrorInvalidValue;
  std::memset(data, value, bytes);
  return state();
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new EmulatedStream;
  return state();
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) { return state(); }
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new EmulatedEvent;
  return state();
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  event->time = std::chrono::steady_clock::now();
  return state();
}
cudaError_t cudaEventSynchronize(cudaEvent_t) { return state(); }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  *milliseconds = std::chrono::duration<float, std::milli>(stop->time - start->time).count();
  return state();
}

cudaError_t emulated_occupancy(int* blocks, int threads, std::size_t shared_bytes) {
  *blocks = std::min(2048 / threads, static_cast<int>(kSharedOfMultiprocessor / (shared_bytes + 1024)));
  return cudaSuccess;
}

cudaError_t emulated_launch(dim3 blocks, dim3 threads, std::size_t shared_bytes) {
  Machine& m = machine();
  if (m.launches_left == 0) m.lost = true;
  if (m.lost) return cudaErrorLaunchFailure;
  if (m.launches_left > 0) --m.launches_left;
  const bool fits = blocks.x > 0 && blocks.y > 0 && blocks.z > 0 && blocks.y <= 65535 && blocks.z <= 65535 &&
                    threads.x * threads.y * threads.z <= 1024 && shared_bytes <= kSharedOfBlock;
  return fits ? cudaSuccess : cudaErrorInvalidConfiguration;
}

// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/runtime/device.hpp"

#include <string>

#include "core/error.hpp"

namespace knowscale::cuda {
namespace {

std::string mebibytes(std::size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

void check(cudaError_t status, const char* call, const std::source_location& place) {
  if (status == cudaSuccess) return;
  throw Error(ExitStatus::resource, std::string(call) + ": " + cudaGetErrorString(status) + " (" +
                                        cudaGetErrorName(status) + ", " + place.file_name() + ":" +
                                        std::to_string(place.line()) + ")");
}

void* DeviceMemory::allocate(std::size_t bytes) {
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // it is reported here
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    throw Error(ExitStatus::resource, "device memory: " + mebibytes(bytes) + " asked for, " + mebibytes(free) + " of " +
                                          mebibytes(total) + " free: use a smaller m, or more devices");
  }
  check(status, "cudaMalloc");
  return data;
}

// Errors of a release are those of work before it, which its own wait reports.
void DeviceMemory::release(void* data) noexcept { static_cast<void>(cudaFree(data)); }

void* PinnedMemory::allocate(std::size_t bytes) {
  void* data = nullptr;
  check(cudaMallocHost(&data, bytes), "cudaMallocHost");
  return data;
}

void PinnedMemory::release(void* data) noexcept { static_cast<void>(cudaFreeHost(data)); }

Stream::Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"); }
Stream::~Stream() { static_cast<void>(cudaStreamDestroy(stream_)); }
void Stream::wait() const { check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

Event::Event() { check(cudaEventCreate(&event_), "cudaEventCreate"); }
Event::~Event() { static_cast<void>(cudaEventDestroy(event_)); }
void Event::record(const Stream& stream) const { check(cudaEventRecord(event_, stream), "cudaEventRecord"); }

double Event::seconds_since(const Event& start) const {
  check(cudaEventSynchronize(event_), "cudaEventSynchronize");
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, start.event_, event_), "cudaEventElapsedTime");
  return 1e-3 * static_cast<double>(milliseconds);
}

}  // namespace knowscale::cuda

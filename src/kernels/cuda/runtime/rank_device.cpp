// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/runtime/rank_device.hpp"

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "kernels/cuda/lstm/cudnn.hpp"

namespace knowscale::cuda {
namespace {

// One a process, as the current device of CUDA is. Never destroyed at the end: the driver may be gone by then.
std::unique_ptr<RankDevice>& the_device() {
  static auto* device = new std::unique_ptr<RankDevice>();
  return *device;
}

// Makes it current and tells about it; what comes after in the constructor is made on it.
Device describe(int index) {
  check(cudaSetDevice(index), "cudaSetDevice");
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
  std::array<char, 32> bus{};
  check(cudaDeviceGetPCIBusId(bus.data(), static_cast<int>(bus.size()), index), "cudaDeviceGetPCIBusId");
  require(properties.major >= 8, ExitStatus::resource,
          std::string("device ") + properties.name + " has compute capability " + std::to_string(properties.major) +
              "." + std::to_string(properties.minor) + ", kernels ask for 8.0 and up");
  return {index,
          properties.name,
          bus.data(),
          properties.multiProcessorCount,
          static_cast<std::int64_t>(properties.totalGlobalMem),
          properties.l2CacheSize};
}

}  // namespace

RankDevice::RankDevice(int index) : description_(describe(index)), blas_(stream_) {}

RankDevice& RankDevice::in_use() {
  require(the_device() != nullptr, ExitStatus::resource, "no device was chosen for this process");
  return *the_device();
}

RankDevice& RankDevice::choose(int index) {
  if (the_device() == nullptr || the_device()->description().index != index) {
    the_device() = nullptr;
    the_device().reset(new RankDevice(index));
  }
  return *the_device();
}

std::unique_lock<std::mutex> RankDevice::enter() {
  std::unique_lock lock(mutex_);
  check(cudaSetDevice(description_.index), "cudaSetDevice");
  return lock;
}

const ResidentRows* RankDevice::find(const void* row) const {
  const auto* address = static_cast<const std::byte*>(row);
  const auto after = resident_.upper_bound(address);
  if (after == resident_.begin()) return nullptr;
  const ResidentRows* rows = std::prev(after)->second;
  return address < rows->begin + rows->bytes ? rows : nullptr;
}

double CopyClock::stop(const Stream& stream) const {
  stopped_.record(stream);
  return loaded_.seconds_since(start_) + stopped_.seconds_since(computed_);
}

std::string version() {
  int runtime = 0;
  check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  const std::string cudnn = cudnn_version();
  return "CUDA " + std::to_string(runtime / 1000) + "." + std::to_string(runtime % 1000 / 10) + ", " + blas_version() +
         (cudnn.empty() ? "" : ", " + cudnn);
}

int device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  static_cast<void>(cudaGetLastError());  // no driver, or no device: there is none to use
  return 0;
}

Device use_device(int index) {
  const int count = device_count();
  require(index < count, ExitStatus::resource,
          "device " + std::to_string(index) + " was asked for, but this process sees " + std::to_string(count) +
              ": set CUDA_VISIBLE_DEVICES, or launch fewer ranks per node");
  return RankDevice::choose(index).description();
}

std::int64_t free_bytes() {
  const auto lock = RankDevice::in_use().enter();
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return static_cast<std::int64_t>(free);
}

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// An engine is where a case computes: the host, or the device of this rank. It has kernels, and does there what a model
// asks for beside attention. What it is given and gives back are matrices of the host; what it copies on the way is
// told in seconds, 0 on the host. Two implement it: kernels/host_engine.cpp and kernels/cuda/engine.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/by_precision.hpp"
#include "kernels/device_states.hpp"
#include "kernels/kernel.hpp"
#include "kernels/lstm/seq2seq.hpp"
#include "kernels/moment_sums.hpp"
#include "kernels/top_keys.hpp"

namespace knowscale {

// Has `rows` (heads side by side, head_dim columns each) where it computes, for as long as what is returned lives:
// calls that are given these rows, or some of them, copy nothing. The rows must stay as and where they are.
template <class T>
using KeepRows = std::shared_ptr<const void>(MatrixView<const T> rows, std::int64_t heads, std::int64_t head_dim);

struct Device {
  int index = 0;
  std::string name;  // "NVIDIA H100 80GB HBM3"
  std::string bus;   // where it sits: "0000:01:00.0"
  int multiprocessors = 0;
  std::int64_t memory = 0;  // bytes
  std::int64_t cache = 0;   // bytes, the last level
};

// What a device can do at best, of the names of study/ceilings.hpp.
struct DeviceRate {
  std::string_view name;
  std::string_view units;
  double value = 0;
};

// The devices of an engine.
struct Devices {
  int (*count)();  // that this process sees
  // The one that every call of this process works on from now on. Throws Error(resource) where there is none such.
  Device (*use)(int index);
  std::int64_t (*free_bytes)();  // of the one in use
  // Medians over about so many seconds for each, on the one in use. Throws Error(resource) where there is none.
  std::vector<DeviceRate> (*measure)(double seconds_each);
  // Bytes of it that rows of heads of so many columns take,
  std::int64_t (*kept_bytes)(Precision precision, std::int64_t rows, std::int64_t heads, std::int64_t head_dim);
  // and attention to `keys` keys of that shape beyond the keys, for so many queries at once.
  std::int64_t (*scratch_bytes)(Method method, Precision precision, const HeadShape& shape, std::int64_t queries,
                                std::int64_t keys);
};

struct Engine {
  std::string_view name;
  std::string (*version)() = nullptr;              // of the libraries that are its own
  std::span<const Kernel> (*kernels)() = nullptr;  // none where it has no device
  ByPrecision<SumMoments> moments = {};
  ByPrecision<SumMomentsExactly> exact_moments = {};
  ByPrecision<FindTopKeys> top_keys = {};
  ByPrecision<MakeSeq2Seq> seq2seq = {};
  ByPrecision<KeepRows> keep = {};
  ByPrecision<MakeStates> states = {};  // that are merged where they are; none: on the host
  const Devices* devices = nullptr;     // none: it is the host
};

// Of this build, which CMake chooses: the host first.
std::span<const Engine* const> engines();
const Engine& host_engine();

// The one that has devices, whether this process sees any or not; none in a build without.
const Engine* engine_of_devices();
// Devices that this process sees; 0 in a build without.
int device_count();

// Names of kernels of devices, in whatever build: one that has not got them says so.
inline constexpr std::string_view kKernelsOfDevices[] = {"cublas", "cublas_tf32", "cuda"};
bool is_kernel_of_devices(std::string_view name);

}  // namespace knowscale

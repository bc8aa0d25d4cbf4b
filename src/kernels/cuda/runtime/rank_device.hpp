// SPDX-License-Identifier: BSD-3-Clause
// The device of this process and what lives on it between calls: a stream, a cuBLAS handle, rows that were asked to be
// kept, and how long copies have taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "kernels/cuda/cuda.hpp"
#include "kernels/cuda/runtime/device.hpp"
#include "kernels/cuda/runtime/gemm.hpp"

namespace knowscale::cuda {

// Rows of the host that have a copy on the device: heads side by side, each padded to `width` columns.
struct ResidentRows {
  const std::byte* begin = nullptr;  // on the host
  std::size_t bytes = 0;
  std::size_t row_bytes = 0;
  std::int64_t width = 0;
  std::int64_t stride = 0;  // numbers from row to row, on the device
  DeviceBuffer<std::byte> copy;
};

// The seconds of copies before and after some kernels, what the host does for them included.
class CopyClock {
 public:
  void start(const Stream& stream) const { start_.record(stream); }
  void loaded(const Stream& stream) const { loaded_.record(stream); }
  void computed(const Stream& stream) const { computed_.record(stream); }
  // Once all has arrived. Returns the seconds.
  double stop(const Stream& stream) const;

 private:
  Event start_, loaded_, computed_, stopped_;
};

class RankDevice {
 public:
  // The one that use_device() chose. Throws Error(resource) where none was.
  static RankDevice& in_use();
  static RankDevice& choose(int index);

  // Kernels are called from many threads of the host, of which each has a current device of its own; what is queued
  // here by one must not mix with another's.
  [[nodiscard]] std::unique_lock<std::mutex> enter();

  const Device& description() const { return description_; }
  const Stream& stream() const { return stream_; }
  const Blas& blas() const { return blas_; }

  void add(ResidentRows* rows) { resident_[rows->begin] = rows; }
  void remove(const ResidentRows* rows) { resident_.erase(rows->begin); }
  // The copy that row `row` of the host lies in; none where it was not kept.
  const ResidentRows* find(const void* row) const;

  const CopyClock& copies() const { return copies_; }

 private:
  explicit RankDevice(int index);

  Device description_;
  Stream stream_;
  Blas blas_;
  std::mutex mutex_;
  std::map<const std::byte*, ResidentRows*> resident_;
  CopyClock copies_;
};

}  // namespace knowscale::cuda

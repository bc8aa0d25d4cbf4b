// SPDX-License-Identifier: BSD-3-Clause
// Between matrices of the host and the device: through pinned memory, padded on the way.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/matrix.hpp"
#include "kernels/cuda/runtime/device.hpp"

namespace knowscale::cuda {

// Heads of `columns` numbers side by side, each padded with zeros to `width` on the device.
struct HeadLayout {
  std::int64_t heads = 1;
  std::int64_t columns = 0;
  std::int64_t width = 0;

  std::int64_t stride() const { return heads * width; }
};

// Queues a copy of the host's rows (layout.heads x layout.columns numbers each) to `to`, layout.stride() numbers per
// row. Rows of pinned memory may not change until it is done; others may as soon as this returns.
template <class T>
void copy_padded(MatrixView<const T> rows, const HeadLayout& layout, T* to, const Stream& stream);

// A pinned buffer and one of the device for the same numbers. Both grow; one transfer at a time.
class Staging {
 public:
  // copy_padded() to the device's buffer, which is returned and is the numbers' place until the next call.
  template <class T>
  const T* to_device(MatrixView<const T> rows, const HeadLayout& layout, const Stream& stream);

  // Room on the device for so many numbers.
  template <class T>
  T* on_device(std::int64_t count);

  // Copies what on_device() gave to the host, without gaps, and waits for all that is queued; valid until the next
  // call.
  template <class T>
  const T* to_host(std::int64_t count, const Stream& stream);

 private:
  PinnedBuffer<std::byte> host_;
  DeviceBuffer<std::byte> device_;
};

}  // namespace knowscale::cuda

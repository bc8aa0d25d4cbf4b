// SPDX-License-Identifier: BSD-3-Clause
// States that stay on the device until they are merged there: what exchanges between devices work on. Pointers and
// views are of device memory where it says so.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "kernels/kernel.hpp"
#include "kernels/key_source.hpp"

namespace knowscale {

// Rows of a Partial. What a call has queued is done when it returns, so that others may read the memory.
template <class T>
class DeviceStates {
 public:
  virtual ~DeviceStates() = default;

  // attend() of kernels/attend.hpp into the rows from `first_row` on. Returns the seconds of copies.
  virtual double attend(const AttentionInput<T>& queries, std::span<const KeySource<T>> sources,
                        std::int64_t first_row) = 0;

  // Of the first `count` rows, on the device.
  virtual MatrixView<float> rows(std::int64_t count) = 0;
  // Their maxima, on the device; may be changed and given to rescale().
  virtual std::span<float> read_maxima(std::int64_t count) = 0;
  // The first maxima.size() rows, to these maxima.
  virtual void rescale(std::span<const float> maxima) = 0;

  // Rows of the device to the host, as many as `to` has. Returns the seconds that it took.
  virtual double to_host(MatrixView<const float> rows, MatrixView<float> to) = 0;

  // What work on the device is queued on: a cudaStream_t.
  virtual void* stream() const = 0;
};

// For at most `rows` rows, of attention of that shape by a kernel of devices. Throws Error(resource) where there is no
// room.
template <class T>
using MakeStates = std::unique_ptr<DeviceStates<T>>(const AttentionInput<T>& input, Method method, std::int64_t rows);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Matrices of tests in device memory. What no one has written, gaps between rows too, is NaN in every format: a kernel
// that reads it shows it, and one that writes into a gap is found.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/cuda/runtime/device.hpp"

namespace knowscale::cuda {

template <class T>
class DeviceMatrix {
 public:
  // Rows lie `gap` numbers apart.
  DeviceMatrix(std::int64_t rows, std::int64_t cols, std::int64_t gap = 0)
      : rows_(rows), cols_(cols), stride_(cols + gap), memory_(rows * stride_) {
    put(unwritten());
  }
  DeviceMatrix(MatrixView<const T> host, std::int64_t gap = 0)
      : rows_(host.rows), cols_(host.cols), stride_(host.cols + gap), memory_(host.rows * stride_) {
    std::vector<T> all = unwritten();
    for (std::int64_t i = 0; i < rows_; ++i) std::copy_n(host.row(i), cols_, all.data() + i * stride_);
    put(all);
  }

  MatrixView<T> view() { return {memory_.data(), rows_, cols_, stride_}; }
  MatrixView<const T> view() const { return {memory_.data(), rows_, cols_, stride_}; }
  T* data() { return memory_.data(); }

  Matrix<T> download() const {
    Matrix<T> host(rows_, cols_);
    const std::vector<T> all = get();
    for (std::int64_t i = 0; i < rows_; ++i) std::copy_n(all.data() + i * stride_, cols_, host.row(i));
    return host;
  }

  bool gaps_are_unwritten() const {
    const std::vector<T> all = get(), fresh = unwritten();
    const auto bytes = static_cast<std::size_t>(stride_ - cols_) * sizeof(T);
    for (std::int64_t i = 0; i < rows_; ++i) {
      const std::int64_t gap = i * stride_ + cols_;
      if (bytes > 0 && std::memcmp(all.data() + gap, fresh.data() + gap, bytes) != 0) return false;
    }
    return true;
  }

 private:
  std::vector<T> unwritten() const {
    std::vector<T> all(static_cast<std::size_t>(rows_ * stride_));
    if (!all.empty()) std::memset(static_cast<void*>(all.data()), 0xff, all.size() * sizeof(T));
    return all;
  }
  void put(const std::vector<T>& all) {
    check(cudaMemcpyAsync(memory_.data(), all.data(), all.size() * sizeof(T), cudaMemcpyHostToDevice, stream_),
          "cudaMemcpyAsync");
    stream_.wait();
  }
  // What is queued on other streams must have been waited for.
  std::vector<T> get() const {
    std::vector<T> all(static_cast<std::size_t>(rows_ * stride_));
    check(cudaMemcpyAsync(all.data(), memory_.data(), all.size() * sizeof(T), cudaMemcpyDeviceToHost, stream_),
          "cudaMemcpyAsync");
    stream_.wait();
    return all;
  }

  std::int64_t rows_, cols_, stride_;
  DeviceBuffer<T> memory_;
  Stream stream_;
};

// rows x cols numbers without padding between rows.
template <class T>
DeviceBuffer<T> upload(MatrixView<const T> matrix) {
  DeviceBuffer<T> buffer(matrix.size());
  if (matrix.size() == 0) return buffer;
  const Stream stream;
  const auto pitch = static_cast<std::size_t>(matrix.cols) * sizeof(T);
  check(cudaMemcpy2DAsync(buffer.data(), pitch, matrix.data, static_cast<std::size_t>(matrix.stride) * sizeof(T), pitch,
                          static_cast<std::size_t>(matrix.rows), cudaMemcpyHostToDevice, stream),
        "cudaMemcpy2DAsync");
  stream.wait();
  return buffer;
}

// What other streams are still writing has to be waited for first.
template <class T>
Matrix<T> download(const T* device, std::int64_t rows, std::int64_t cols) {
  Matrix<T> matrix(rows, cols);
  if (matrix.size() == 0) return matrix;
  const Stream stream;
  check(cudaMemcpyAsync(matrix.data(), device, matrix.span().size_bytes(), cudaMemcpyDeviceToHost, stream),
        "cudaMemcpyAsync");
  stream.wait();
  return matrix;
}

// One row of the span's numbers.
template <class T>
DeviceMatrix<T> to_device(std::span<const T> numbers) {
  const auto count = static_cast<std::int64_t>(numbers.size());
  return DeviceMatrix<T>(MatrixView<const T>{numbers.data(), 1, count, count});
}

}  // namespace knowscale::cuda

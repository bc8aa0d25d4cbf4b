// SPDX-License-Identifier: BSD-3-Clause
// Numbers between host and device, for tests: both calls block.
#pragma once

#include "core/matrix.hpp"
#include "kernels/cuda/device.hpp"

namespace knowscale::cuda {

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

}  // namespace knowscale::cuda

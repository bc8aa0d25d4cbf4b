// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/runtime/staging.hpp"

#include <algorithm>

#include "core/half.hpp"

namespace knowscale::cuda {

template <class T>
void copy_padded(MatrixView<const T> rows, const HeadLayout& layout, T* to, const Stream& stream) {
  if (rows.size() == 0) return;
  const auto bytes = [](std::int64_t count) { return static_cast<std::size_t>(count) * sizeof(T); };
  if (layout.columns != layout.width) {
    check(cudaMemsetAsync(to, 0, bytes(rows.rows * layout.stride()), stream), "cudaMemsetAsync");
  }
  // Where rows have no gaps, all heads of all rows lie at equal distances.
  const bool gaps = rows.stride != rows.cols;
  const std::int64_t pieces = gaps ? rows.rows : 1, heads = gaps ? layout.heads : rows.rows * layout.heads;
  for (std::int64_t i = 0; i < pieces; ++i) {
    check(cudaMemcpy2DAsync(to + i * layout.stride(), bytes(layout.width), rows.row(i), bytes(layout.columns),
                            bytes(layout.columns), static_cast<std::size_t>(heads), cudaMemcpyHostToDevice, stream),
          "cudaMemcpy2DAsync");
  }
}

template <class T>
const T* Staging::to_device(MatrixView<const T> rows, const HeadLayout& layout, const Stream& stream) {
  const auto size = static_cast<std::int64_t>(sizeof(T));
  host_.reserve(rows.size() * size);
  T* staged = reinterpret_cast<T*>(host_.data());
  for (std::int64_t i = 0; i < rows.rows; ++i) std::copy_n(rows.row(i), rows.cols, staged + i * rows.cols);
  T* to = on_device<T>(rows.rows * layout.stride());
  copy_padded<T>({staged, rows.rows, rows.cols, rows.cols}, layout, to, stream);
  return to;
}

template <class T>
T* Staging::on_device(std::int64_t count) {
  device_.reserve(std::max<std::int64_t>(count, 1) * static_cast<std::int64_t>(sizeof(T)));
  return reinterpret_cast<T*>(device_.data());
}

template <class T>
const T* Staging::to_host(std::int64_t count, const Stream& stream) {
  host_.reserve(count * static_cast<std::int64_t>(sizeof(T)));
  check(cudaMemcpyAsync(host_.data(), device_.data(), static_cast<std::size_t>(count) * sizeof(T),
                        cudaMemcpyDeviceToHost, stream),
        "cudaMemcpyAsync");
  stream.wait();
  return reinterpret_cast<const T*>(host_.data());
}

template void copy_padded(MatrixView<const float>, const HeadLayout&, float*, const Stream&);
template void copy_padded(MatrixView<const double>, const HeadLayout&, double*, const Stream&);
template void copy_padded(MatrixView<const Bf16>, const HeadLayout&, Bf16*, const Stream&);
template void copy_padded(MatrixView<const F16>, const HeadLayout&, F16*, const Stream&);
template void copy_padded(MatrixView<const std::uint8_t>, const HeadLayout&, std::uint8_t*, const Stream&);
template const float* Staging::to_device(MatrixView<const float>, const HeadLayout&, const Stream&);
template const double* Staging::to_device(MatrixView<const double>, const HeadLayout&, const Stream&);
template const Bf16* Staging::to_device(MatrixView<const Bf16>, const HeadLayout&, const Stream&);
template const F16* Staging::to_device(MatrixView<const F16>, const HeadLayout&, const Stream&);
template const std::uint8_t* Staging::to_device(MatrixView<const std::uint8_t>, const HeadLayout&, const Stream&);
template float* Staging::on_device(std::int64_t);
template double* Staging::on_device(std::int64_t);
template const float* Staging::to_host(std::int64_t, const Stream&);
template const double* Staging::to_host(std::int64_t, const Stream&);

}  // namespace knowscale::cuda

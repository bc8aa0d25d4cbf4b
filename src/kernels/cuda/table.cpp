// SPDX-License-Identifier: BSD-3-Clause
// The kernels of devices: a new one is a line here, and its name one in cuda.hpp.
#include <memory>
#include <vector>

#include "kernels/cuda/cuda.hpp"
#include "kernels/cuda/from_host.hpp"

namespace knowscale::cuda {
namespace {

std::int64_t no_scratch_on_the_host(const HeadShape&, int) { return 0; }

// Two units of roundoff of the exponential; numbers of f32 as three products of tf32 leave 2^-22 of each, twice.
constexpr double kExponential = 0x1p-22;
constexpr Roundings kSplit = {0x1p-21, kExponential};
// Weights of f16 keep 11 bits; those of bf16 are weight_roundoff() of the precision.
constexpr Roundings kHalf = {0, 0x1p-11 + kExponential, 0x1p-38};
// cuBLAS does not say whether it rounds to tf32 or cuts off.
constexpr Roundings kTf32 = {0x1p-10, 0x1p-10};

template <class T>
std::vector<Kernel<T>> all_kernels() {
  const auto row = [](std::string_view name, bool tiled, auto compute, Roundings roundings) {
    return Kernel<T>{name, tiled, compute, no_scratch_on_the_host, true, roundings};
  };
  if constexpr (std::is_same_v<T, float>) {
    return {row("cublas", true, compute<T, Method::products>, {0, kExponential}),
            row("cublas_tf32", true, compute<T, Method::products_tf32>, kTf32),
            row("cuda", false, compute<T, Method::fused>, kSplit)};
  } else if constexpr (std::is_same_v<T, Bf16>) {
    return {row("cublas", true, compute<T, Method::products>, {0, kExponential}),
            row("cuda", false, compute<T, Method::fused>, {0, kExponential})};
  } else if constexpr (std::is_same_v<T, F16>) {
    return {row("cuda", false, compute<T, Method::fused>, kHalf)};
  } else {
    return {};
  }
}

}  // namespace

template <class T>
std::span<const Kernel<T>> kernels() {
  static const std::vector<Kernel<T>> table = device_count() == 0 ? std::vector<Kernel<T>>() : all_kernels<T>();
  return table;
}

template <class T>
std::int64_t resident_bytes(std::int64_t rows, std::int64_t heads, std::int64_t head_dim) {
  const std::int64_t width = head_dim <= 256 ? padded_widths(head_dim, head_dim).key : head_dim;
  return rows * heads * width * static_cast<std::int64_t>(sizeof(T));
}

template <class T>
std::int64_t scratch_bytes(std::string_view kernel, const HeadShape& shape, std::int64_t queries, std::int64_t keys) {
  const auto floats = [](std::int64_t count) { return count * static_cast<std::int64_t>(sizeof(float)); };
  const std::int64_t states = floats(queries * shape.heads * (shape.value_dim + 2));
  const std::int64_t staged = resident_bytes<T>(queries, shape.heads, shape.key_dim);
  if (kernel == "cuda") {
    // Splits fill the device, and few of them are needed where there are many queries.
    constexpr std::int64_t most_split_rows = 1 << 18;
    return staged + 2 * states + floats(most_split_rows * (shape.value_dim + 2));
  }
  const TileSizes tiles = product_tiles({}, shape.heads, queries, keys);
  return staged + states + shape.heads * tiles.queries * tiles.keys * static_cast<std::int64_t>(4 + sizeof(T));
}

namespace {

// Takes its rows out of the device's list when it goes.
class Kept {
 public:
  Kept(RankDevice& device, ResidentRows rows) : device_(device), rows_(std::move(rows)) { device_.add(&rows_); }
  ~Kept() { device_.remove(&rows_); }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

 private:
  RankDevice& device_;
  ResidentRows rows_;
};

}  // namespace

template <class T>
std::shared_ptr<const void> keep_on_device(MatrixView<const T> rows, std::int64_t heads, std::int64_t head_dim) {
  if (rows.size() == 0) return nullptr;
  RankDevice& device = RankDevice::in_use();
  const auto lock = device.enter();
  const std::int64_t width = head_dim <= 256 ? padded_widths(head_dim, head_dim).key : head_dim;
  ResidentRows kept;
  kept.begin = reinterpret_cast<const std::byte*>(rows.data);
  kept.row_bytes = static_cast<std::size_t>(rows.stride) * sizeof(T);
  kept.bytes = static_cast<std::size_t>(rows.rows) * kept.row_bytes;
  kept.width = width;
  kept.stride = heads * width;
  kept.copy = DeviceBuffer<std::byte>(resident_bytes<T>(rows.rows, heads, head_dim));
  copy_padded(rows, {heads, head_dim, width}, reinterpret_cast<T*>(kept.copy.data()), device.stream());
  device.stream().wait();
  return std::make_shared<const Kept>(device, std::move(kept));
}

template std::span<const Kernel<float>> kernels();
template std::span<const Kernel<double>> kernels();
template std::span<const Kernel<Bf16>> kernels();
template std::span<const Kernel<F16>> kernels();
template std::int64_t scratch_bytes<float>(std::string_view, const HeadShape&, std::int64_t, std::int64_t);
template std::int64_t scratch_bytes<double>(std::string_view, const HeadShape&, std::int64_t, std::int64_t);
template std::int64_t scratch_bytes<Bf16>(std::string_view, const HeadShape&, std::int64_t, std::int64_t);
template std::int64_t scratch_bytes<F16>(std::string_view, const HeadShape&, std::int64_t, std::int64_t);
template std::int64_t resident_bytes<float>(std::int64_t, std::int64_t, std::int64_t);
template std::int64_t resident_bytes<double>(std::int64_t, std::int64_t, std::int64_t);
template std::int64_t resident_bytes<Bf16>(std::int64_t, std::int64_t, std::int64_t);
template std::int64_t resident_bytes<F16>(std::int64_t, std::int64_t, std::int64_t);
template std::shared_ptr<const void> keep_on_device(MatrixView<const float>, std::int64_t, std::int64_t);
template std::shared_ptr<const void> keep_on_device(MatrixView<const double>, std::int64_t, std::int64_t);
template std::shared_ptr<const void> keep_on_device(MatrixView<const Bf16>, std::int64_t, std::int64_t);
template std::shared_ptr<const void> keep_on_device(MatrixView<const F16>, std::int64_t, std::int64_t);

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// The kernels of devices: a new one is a line here, and its name one in kernels/engine.hpp.
#include <memory>
#include <utility>

#include "kernels/cuda/attention/from_host.hpp"
#include "kernels/cuda/cuda.hpp"
#include "kernels/cuda/engine.hpp"

namespace knowscale::cuda {
namespace {

std::int64_t no_scratch_on_the_host(Precision, const HeadShape&, int) { return 0; }

// Two units of roundoff of the exponential; numbers of f32 as three products of tf32 leave 2^-22 of each, twice.
constexpr double kExponential = 0x1p-22;
constexpr Roundings kSplit = {0x1p-21, kExponential};
// Weights of f16 keep 11 bits; those of bf16 are weight_roundoff() of the precision.
constexpr Roundings kHalf = {0, 0x1p-11 + kExponential, 0x1p-38};
// cuBLAS does not say whether it rounds to tf32 or cuts off.
constexpr Roundings kTf32 = {0x1p-10, 0x1p-10};

constexpr RateLimit kOfF32[] = {{"device_f32"}}, kOfTf32[] = {{"device_tf32"}}, kOfBf16[] = {{"device_bf16"}},
                    kOfF16[] = {{"device_f16"}};
// f32 by three products of tf32 may be faster than products of f32.
constexpr RateLimit kOfSplitF32[] = {{"device_f32"}, {"device_tf32", 3}};

std::span<const RateLimit> limits_of_products(Precision precision) {
  return precision == Precision::bf16 ? kOfBf16 : precision == Precision::f16 ? kOfF16 : kOfF32;
}
std::span<const RateLimit> limits_of_tf32(Precision) { return kOfTf32; }
std::span<const RateLimit> limits_of_fused(Precision precision) {
  if (precision == Precision::bf16 || precision == Precision::f16) return limits_of_products(precision);
  return kOfSplitF32;
}

template <class T, Method Way>
double compute_by(const AttentionInput<T>& input, MatrixView<float> out, const Threads&) {
  return compute(Way, input, out);
}

template <Method Way, class... Ts>
constexpr ByPrecision<ComputeState> all_by(Numbers<Ts...> numbers) {
  return by_precision<ComputeState>([]<class T>() { return compute_by<T, Way>; }, numbers);
}

// Columns of a head that the fused kernels take.
constexpr std::int64_t kWidestHead = 256;

// Roundings: of f32, f64, bf16, f16.
constexpr Kernel kKernels[] = {
    {"cublas",
     Method::products,
     true,
     all_by<Method::products>(Numbers<float, Bf16>()),
     no_scratch_on_the_host,
     limits_of_products,
     {{{0, kExponential}, {}, {0, kExponential}, {}}},
     0,
     engine},
    {"cublas_tf32",
     Method::products_tf32,
     true,
     all_by<Method::products_tf32>(Numbers<float>()),
     no_scratch_on_the_host,
     limits_of_tf32,
     {{kTf32, {}, {}, {}}},
     0,
     engine},
    {"cuda",
     Method::fused,
     false,
     all_by<Method::fused>(Numbers<float, Bf16, F16>()),
     no_scratch_on_the_host,
     limits_of_fused,
     {{kSplit, {}, {0, kExponential}, kHalf}},
     kWidestHead,
     engine},
};

// Columns of a head as they lie on the device.
std::int64_t padded_width(std::int64_t head_dim) {
  return head_dim <= kWidestHead ? padded_widths(head_dim, head_dim).key : head_dim;
}

}  // namespace

std::span<const Kernel> kernels() {
  static const bool none = device_count() == 0;
  return none ? std::span<const Kernel>() : kKernels;
}

std::int64_t resident_bytes(Precision precision, std::int64_t rows, std::int64_t heads, std::int64_t head_dim) {
  return rows * heads * padded_width(head_dim) * static_cast<std::int64_t>(bytes_of(precision));
}

std::int64_t scratch_bytes(Method method, Precision precision, const HeadShape& shape, std::int64_t queries,
                           std::int64_t keys) {
  const auto floats = [](std::int64_t count) { return count * static_cast<std::int64_t>(sizeof(float)); };
  const std::int64_t states = floats(queries * shape.heads * (shape.value_dim + 2));
  const std::int64_t staged = resident_bytes(precision, queries, shape.heads, shape.key_dim);
  if (method == Method::fused) {
    // Splits fill the device, and few of them are needed where there are many queries.
    constexpr std::int64_t most_split_rows = 1 << 18;
    return staged + 2 * states + floats(most_split_rows * (shape.value_dim + 2));
  }
  const TileSizes tiles = product_tiles({}, shape.heads, queries, keys);
  const std::int64_t of_a_score = static_cast<std::int64_t>(sizeof(float) + bytes_of(precision));
  return staged + states + shape.heads * tiles.queries * tiles.keys * of_a_score;
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

template <class T>
std::shared_ptr<const void> keep(MatrixView<const T> rows, std::int64_t heads, std::int64_t head_dim) {
  if (rows.size() == 0) return nullptr;
  RankDevice& device = RankDevice::in_use();
  const auto lock = device.enter();
  const std::int64_t width = padded_width(head_dim);
  ResidentRows kept;
  kept.begin = reinterpret_cast<const std::byte*>(rows.data);
  kept.row_bytes = static_cast<std::size_t>(rows.stride) * sizeof(T);
  kept.bytes = static_cast<std::size_t>(rows.rows) * kept.row_bytes;
  kept.width = width;
  kept.stride = heads * width;
  kept.copy = DeviceBuffer<std::byte>(resident_bytes(precision_of<T>, rows.rows, heads, head_dim));
  copy_padded(rows, {heads, head_dim, width}, reinterpret_cast<T*>(kept.copy.data()), device.stream());
  device.stream().wait();
  return std::make_shared<const Kept>(device, std::move(kept));
}

}  // namespace

constinit const ByPrecision<KeepRows> keep_on_device = by_precision<KeepRows>([]<class T>() { return keep<T>; });

}  // namespace knowscale::cuda

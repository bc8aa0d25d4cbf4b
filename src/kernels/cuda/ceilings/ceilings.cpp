// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/ceilings/ceilings.hpp"

#include <algorithm>
#include <cstdint>

#include "core/half.hpp"
#include "core/statistics.hpp"
#include "kernels/cuda/ceilings/dense_product.hpp"
#include "kernels/cuda/ceilings/streams.hpp"
#include "kernels/cuda/ceilings/timing.hpp"
#include "kernels/cuda/runtime/rank_device.hpp"

namespace knowscale::cuda {
namespace {

// For one buffer: others need some too.
std::int64_t most_bytes() {
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return static_cast<std::int64_t>(free / 4);
}

double median_seconds(const std::function<void(int)>& work, double seconds, const Stream& stream) {
  return median_interval(seconds_of(work, {.seconds = seconds}, stream)).median;
}

// Buffers that leave nothing of themselves in a cache of that size.
std::int64_t stream_words(std::int64_t cache) {
  constexpr std::int64_t times = 32;
  return std::min(times * cache, most_bytes()) / 16 * 4;
}

double copy_rate(const RankDevice& device, double seconds) {
  const std::int64_t words = stream_words(device.description().cache), bytes = 4 * words;
  DeviceBuffer<float> from(words), to(words);
  fill_random(from.data(), words, 1, device.stream());
  const auto copy = [&](int) {
    check(cudaMemcpyAsync(to.data(), from.data(), static_cast<std::size_t>(bytes), cudaMemcpyDeviceToDevice,
                          device.stream()),
          "cudaMemcpyAsync");
  };
  return 2.0 * static_cast<double>(bytes) / median_seconds(copy, seconds, device.stream());
}

double read_rate(const RankDevice& device, double seconds) {
  constexpr int blocks_each = 8;  // of 256 threads: as many as a multiprocessor holds
  const std::int64_t words = stream_words(device.description().cache);
  const int blocks = blocks_each * device.description().multiprocessors;
  DeviceBuffer<std::uint32_t> data(words), sums(blocks);
  fill_random(reinterpret_cast<float*>(data.data()), words, 2, device.stream());
  const auto read = [&](int) { sum_words(data.data(), words, sums.data(), blocks, device.stream()); };
  return 4.0 * static_cast<double>(words) / median_seconds(read, seconds, device.stream());
}

template <class T>
double dense_rate_of_size(DenseKind kind, std::int64_t n, double seconds, const Stream& stream, double* each) {
  DeviceBuffer<T> a(n * n), b(n * n), c(n * n);
  fill_random(a.data(), n * n, 3, stream);
  fill_random(b.data(), n * n, 4, stream);
  DenseProduct product(kind, n);
  *each = median_seconds([&](int) { product.run(a.data(), b.data(), c.data(), stream); }, seconds, stream);
  return product.flops() / *each;
}

// The size grows until one product takes so long that starting and ending it does not count.
template <class T>
double dense_rate(const RankDevice& device, DenseKind kind, double seconds) {
  constexpr std::int64_t least = 128, most = 8192;
  constexpr double long_enough = 5e-3;
  double rate = 0, each = 0;
  for (std::int64_t n = least; n <= most && n * n * bytes_of(kind) <= most_bytes(); n *= 2) {
    rate = dense_rate_of_size<T>(kind, n, 0, device.stream(), &each);
    if (each < long_enough && n < most) continue;
    return dense_rate_of_size<T>(kind, n, seconds, device.stream(), &each);
  }
  return rate;
}

}  // namespace

DeviceRates measure_device_rates(double seconds_each) {
  RankDevice& device = RankDevice::in_use();
  const auto lock = device.enter();
  DeviceRates rates;
  rates.copy = copy_rate(device, seconds_each);
  rates.read = read_rate(device, seconds_each);
  rates.f32 = dense_rate<float>(device, DenseKind::f32, seconds_each);
  rates.tf32 = dense_rate<float>(device, DenseKind::tf32, seconds_each);
  rates.bf16 = dense_rate<Bf16>(device, DenseKind::bf16, seconds_each);
  rates.f16 = dense_rate<F16>(device, DenseKind::f16, seconds_each);
  return rates;
}

}  // namespace knowscale::cuda

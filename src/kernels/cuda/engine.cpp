// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/engine.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/cuda/attention/states.hpp"
#include "kernels/cuda/ceilings/ceilings.hpp"
#include "kernels/cuda/cuda.hpp"
#include "kernels/cuda/lstm/from_host.hpp"
#include "kernels/cuda/moments/from_host.hpp"
#include "kernels/cuda/top_keys/from_host.hpp"
#include "kernels/threads.hpp"

namespace knowscale::cuda {
namespace {

// Of rows that the device is given at a time, and of sums that it gives back.
constexpr std::int64_t kRowBytes = std::int64_t{128} << 20, kSumBytes = std::int64_t{1} << 20;

template <class T>
std::int64_t row_bytes(const MomentRows<T>& rows) {
  return std::max<std::int64_t>(rows.keys.cols, 1) * static_cast<std::int64_t>(sizeof(T));
}

// Calls take(sums) with the sums of chunks of so many rows, a row for each of up to `chunks_at_once` chunks, one part
// of the shard after another. Returns the seconds of copies.
template <class T, class Take>
double for_sums_of_chunks(const MomentRows<T>& rows, std::span<const MomentKind> kinds, std::int64_t chunk,
                          std::int64_t chunks_at_once, const Take& take) {
  using A = Accumulator<T>;
  const std::int64_t sum_rows = moment_rows(rows.shape, kinds.size()), cols = rows.shape.value_dim;
  const std::int64_t at_once = chunk * chunks_at_once;
  Matrix<A> sums;
  double copied = 0;
  for (std::int64_t begin = 0; begin < rows.keys.rows; begin += at_once) {
    const RowRange some = {begin, std::min(begin + at_once, rows.keys.rows)};
    const std::int64_t chunks = (some.size() + chunk - 1) / chunk;
    if (sums.rows() < chunks) sums = Matrix<A>(chunks, sum_rows * cols);
    copied += moments_from_host<T>({rows.keys.slice_rows(some), rows.values.slice_rows(some), rows.shape}, kinds, chunk,
                                   {sums.data(), chunks * sum_rows, cols, cols});
    take(std::as_const(sums).view().slice_rows({0, chunks}));
  }
  return copied;
}

template <class T>
double sum_moments(const MomentRows<T>& rows, std::span<const MomentKind> kinds, MatrixView<Accumulator<T>> sums,
                   const Threads&) {
  using A = Accumulator<T>;
  std::fill_n(sums.data, sums.size(), A{0});
  const std::int64_t chunk = std::max<std::int64_t>(kRowBytes / row_bytes(rows), 1);
  return for_sums_of_chunks(rows, kinds, chunk, 1, [&](MatrixView<const A> more) {
    for (std::int64_t i = 0; i < sums.size(); ++i) sums.data[i] += more(0, i);
  });
}

// The device sums the chunks, the threads add them up: some numbers each, of all chunks.
template <class T>
double sum_moments_exactly(const MomentRows<T>& rows, std::span<const MomentKind> kinds, const ExactSums& sums,
                           const Threads& threads) {
  using A = Accumulator<T>;
  const std::int64_t size = moment_rows(rows.shape, kinds.size()) * rows.shape.value_dim;
  const std::int64_t by_rows = kRowBytes / (sums.chunk * row_bytes(rows));
  const std::int64_t by_sums = kSumBytes / (size * static_cast<std::int64_t>(sizeof(A)));
  const std::int64_t chunks_at_once = std::max<std::int64_t>(std::min(by_rows, by_sums), 1);
  std::fill(sums.numbers.begin(), sums.numbers.end(), 0);
  return for_sums_of_chunks(rows, kinds, sums.chunk, chunks_at_once, [&](MatrixView<const A> of_chunks) {
    threads.parallel_for(threads.count(), [&](std::int64_t part) {
      const RowRange mine = row_range(size, threads.count(), part);
      for (std::int64_t i = 0; i < of_chunks.rows; ++i) sums.add(of_chunks.row(i), mine, size, sums.numbers);
    });
  });
}

std::vector<DeviceRate> measure_devices(double seconds_each) {
  const DeviceRates rates = measure_device_rates(seconds_each);
  return {{"device_copy", "B/s", rates.copy},    {"device_read", "B/s", std::max(rates.read, rates.copy)},
          {"device_f32", "FLOP/s", rates.f32},   {"device_tf32", "FLOP/s", rates.tf32},
          {"device_bf16", "FLOP/s", rates.bf16}, {"device_f16", "FLOP/s", rates.f16}};
}

constexpr Devices kDevices = {
    .count = device_count,
    .use = use_device,
    .free_bytes = free_bytes,
    .measure = measure_devices,
    .kept_bytes = resident_bytes,
    .scratch_bytes = scratch_bytes,
};

}  // namespace

const Engine& engine() {
  static const Engine of_devices = {
      .name = "cuda",
      .version = version,
      .kernels = kernels,
      .moments = by_precision<SumMoments>([]<class T>() { return sum_moments<T>; }),
      .exact_moments = by_precision<SumMomentsExactly>([]<class T>() { return sum_moments_exactly<T>; }),
      .top_keys = top_keys_from_host,
      .seq2seq = seq2seq_on_device,
      .keep = keep_on_device,
      .states = device_states,
      .devices = &kDevices,
  };
  return of_devices;
}

}  // namespace knowscale::cuda

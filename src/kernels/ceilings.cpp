// SPDX-License-Identifier: BSD-3-Clause
// Compiled once for each instruction set that Highway knows for this compiler; chosen at run time.
#include "kernels/ceilings.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <string>

#include "kernels/simd/attention.hpp"

#define KNOWSCALE_ARRAYS_OF_VECTORS  // accumulators
#include "kernels/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ceilings.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "kernels/simd/dot_of_pairs-inl.hpp"
#include "kernels/threads.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Independent sums: more than latency times pipes (4 x 2), less than the registers.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3 || HWY_TARGET == HWY_SSE2
inline constexpr int kChains = 12;
#else
inline constexpr int kChains = 24;
#endif

// Runs `rounds` rounds of FMAs and writes the FLOPs of one round; returns a number that depends on all.
template <class T>
T multiply_add_rounds(std::int64_t rounds, double* flops_a_round) {
  const hn::ScalableTag<T> d;
  const auto factor = hn::Set(d, static_cast<T>(0.999)), term = hn::Set(d, static_cast<T>(1e-4));
  hn::Vec<decltype(d)> sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = hn::Set(d, static_cast<T>(i));
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (int i = 0; i < kChains; ++i) sums[i] = hn::MulAdd(sums[i], factor, term);
  }
  for (int i = 1; i < kChains; ++i) sums[0] = hn::Add(sums[0], sums[i]);
  *flops_a_round = 2.0 * kChains * static_cast<double>(hn::Lanes(d));
  return hn::GetLane(hn::SumOfLanes(d, sums[0]));
}

float multiply_add_f32(std::int64_t rounds, double* flops_a_round) {
  return multiply_add_rounds<float>(rounds, flops_a_round);
}

double multiply_add_f64(std::int64_t rounds, double* flops_a_round) {
  return multiply_add_rounds<double>(rounds, flops_a_round);
}

float multiply_add_bf16(std::int64_t rounds, double* flops_a_round) {
#if KNOWSCALE_HAVE_DOT_OF_PAIRS
  if (simd::has_dot_of_pairs()) {
    const DotOfPairs::D d;
    const auto pair = hn::BitCast(d, hn::Set(hn::RebindToUnsigned<DotOfPairs::D>(), 0x3f003f00u));  // 1/2, 1/2
    DotOfPairs::V sums[kChains];
    for (int i = 0; i < kChains; ++i) sums[i] = hn::Set(d, static_cast<float>(i));
    for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
      for (int i = 0; i < kChains; ++i) DotOfPairs::multiply_add(pair, pair, sums[i]);
    }
    for (int i = 1; i < kChains; ++i) sums[0] = hn::Add(sums[0], sums[i]);
    *flops_a_round = 4.0 * kChains * static_cast<double>(hn::Lanes(d));
    return hn::GetLane(hn::SumOfLanes(d, sums[0]));
  }
#endif
  return multiply_add_f32(rounds, flops_a_round);
}

// Reads all of data[0, count); returns a number that depends on every bit.
double read_all(const double* data, std::int64_t count) {
  constexpr int kStreams = 8;
  const hn::ScalableTag<double> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  hn::Vec<decltype(d)> folds[kStreams];
  for (int s = 0; s < kStreams; ++s) folds[s] = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + kStreams * lanes <= count; i += kStreams * lanes) {
#pragma GCC unroll 8
    for (int s = 0; s < kStreams; ++s) folds[s] = hn::Xor(folds[s], hn::LoadU(d, data + i + s * lanes));
  }
  for (; i + lanes <= count; i += lanes) folds[0] = hn::Xor(folds[0], hn::LoadU(d, data + i));
  for (int s = 1; s < kStreams; ++s) folds[0] = hn::Xor(folds[0], folds[s]);
  double rest = hn::GetLane(hn::SumOfLanes(d, folds[0]));
  for (; i < count; ++i) rest += data[i];
  return rest;
}

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace knowscale {
namespace {

HWY_EXPORT(multiply_add_f32);
HWY_EXPORT(multiply_add_f64);
HWY_EXPORT(multiply_add_bf16);
HWY_EXPORT(read_all);

float multiply_add(float, std::int64_t rounds, double* flops) {
  return HWY_DYNAMIC_DISPATCH(multiply_add_f32)(rounds, flops);
}

double multiply_add(double, std::int64_t rounds, double* flops) {
  return HWY_DYNAMIC_DISPATCH(multiply_add_f64)(rounds, flops);
}

float multiply_add(Bf16, std::int64_t rounds, double* flops) {
  return HWY_DYNAMIC_DISPATCH(multiply_add_bf16)(rounds, flops);
}

// The work cannot be removed: its result goes to memory that the compiler must write.
template <class T>
void keep(T value) {
  volatile T sink = value;
  static_cast<void>(sink);
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The best time of `work`, repeated over about `seconds` and at least three times.
double best_seconds(double seconds, const std::function<void()>& work) {
  double best = seconds_of(work), spent = best;
  for (int runs = 1; runs < 3 || spent < seconds; ++runs) {
    const double took = seconds_of(work);
    best = std::min(best, took);
    spent += took;
  }
  return best;
}

}  // namespace

template <class T>
double fma_rate(const Threads& threads, double seconds) {
  // Shorter than a time slice, so that some run is not interrupted even on a busy machine; long enough for the
  // fork and join of threads not to count.
  constexpr double kRunSeconds = 5e-4;
  std::int64_t rounds = 1000;
  double flops_a_round = 0;
  const auto run = [&] {
    threads.parallel_for(threads.count(), [&](std::int64_t task) {
      double flops = 0;
      keep(multiply_add(T{}, rounds, &flops));
      if (task == 0) flops_a_round = flops;
    });
  };
  while (seconds_of(run) < kRunSeconds) rounds *= 2;
  const double best = best_seconds(seconds, run);
  return flops_a_round * static_cast<double>(rounds) * threads.count() / best;
}

template double fma_rate<float>(const Threads&, double);
template double fma_rate<double>(const Threads&, double);
template double fma_rate<Bf16>(const Threads&, double);

double read_rate(const Threads& threads, std::span<const double> buffer, double seconds) {
  const auto count = static_cast<std::int64_t>(buffer.size());
  const double best = best_seconds(seconds, [&] {
    threads.parallel_for(threads.count(), [&](std::int64_t part) {
      const RowRange range = row_range(count, threads.count(), part);
      keep(HWY_DYNAMIC_DISPATCH(read_all)(buffer.data() + range.begin, range.size()));
    });
  });
  return static_cast<double>(buffer.size_bytes()) / best;
}

// From /sys: sysconf(_SC_LEVEL3_CACHE_SIZE) tells the sum over the socket (384 MiB) where one core reaches 32.
std::int64_t last_level_cache_bytes() {
  for (const char* level : {"3", "2"}) {
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::string(level) + "/size");
    std::int64_t kibibytes = 0;
    char unit = 0;
    if (file >> kibibytes >> unit && unit == 'K' && kibibytes > 0) return kibibytes << 10;
  }
  return std::int64_t{32} << 20;
}

}  // namespace knowscale
#endif  // HWY_ONCE

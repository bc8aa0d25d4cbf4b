// SPDX-License-Identifier: BSD-3-Clause
#include "bench.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/cuda/ceilings/timing.hpp"

namespace knowscale::cuda::bench {

std::vector<std::vector<double>> seconds_in_turns(const Bench& bench,
                                                  const std::vector<std::function<void(int)>>& works) {
  const int rounds = bench.options.quick ? 1 : 3;
  const Repetitions repetitions = {.seconds = bench.options.seconds / rounds, .least = bench.options.quick ? 2 : 3};
  std::vector<std::vector<double>> seconds(works.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < works.size(); ++i) {
      const std::vector<double> more = seconds_of(works[i], repetitions, bench.stream());
      seconds[i].insert(seconds[i].end(), more.begin(), more.end());
    }
  }
  return seconds;
}

int input_sets(const Bench& bench, std::int64_t bytes) {
  constexpr std::int64_t times = 3, most = 64;
  if (bench.options.quick) return 2;
  return static_cast<int>(
      std::clamp<std::int64_t>(times * bench.device.description().cache / std::max<std::int64_t>(bytes, 1), 1, most));
}

void poison(void* data, std::int64_t bytes, const Stream& stream) {
  check(cudaMemsetAsync(data, 0xff, static_cast<std::size_t>(bytes), stream), "cudaMemsetAsync");
}

bool all_finite(const Matrix<float>& matrix) {
  return std::all_of(matrix.data(), matrix.data() + matrix.size(), [](float x) { return std::isfinite(x); });
}

void RelativeError::add(double found, double expected) {
  difference_ += (found - expected) * (found - expected);
  size_ += expected * expected;
}

double RelativeError::value() const { return std::sqrt(difference_ / size_); }

}  // namespace knowscale::cuda::bench

// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/ceilings/timing.hpp"

#include <algorithm>

namespace knowscale::cuda {

std::vector<double> seconds_of(const std::function<void(int)>& work, const Repetitions& repetitions,
                               const Stream& stream) {
  constexpr int kWarmUps = 2;
  for (int i = 0; i < kWarmUps; ++i) work(i);
  stream.wait();
  const std::vector<Event> between(static_cast<std::size_t>(repetitions.ahead) + 1);
  std::vector<double> seconds;
  double spent = 0;
  const auto enough = [&](int count) {
    return count >= repetitions.most || (count >= repetitions.least && spent >= repetitions.seconds);
  };
  for (int count = 0; !enough(count);) {
    // As many as are expected to be left, so that slow work is not done more often than it has to be.
    const double each = count == 0 ? repetitions.seconds : spent / count;
    const double left = std::max(repetitions.seconds - spent, 0.0) / std::max(each, 1e-9);
    const int wanted = std::max(repetitions.least - count, static_cast<int>(std::min(left, 1e6)));
    const int queued = count == 0 ? 1 : std::clamp(wanted, 1, std::min(repetitions.ahead, repetitions.most - count));
    between[0].record(stream);
    for (int i = 0; i < queued; ++i) {
      work(kWarmUps + count + i);
      between[static_cast<std::size_t>(i) + 1].record(stream);
    }
    for (int i = 0; i < queued; ++i) {
      seconds.push_back(between[static_cast<std::size_t>(i) + 1].seconds_since(between[static_cast<std::size_t>(i)]));
      spent += seconds.back();
    }
    count += queued;
  }
  return seconds;
}

}  // namespace knowscale::cuda

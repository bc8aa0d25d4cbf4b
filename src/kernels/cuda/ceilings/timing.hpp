// SPDX-License-Identifier: BSD-3-Clause
// Seconds of work on a stream, by events between repetitions that are queued ahead: launches are hidden behind work, as
// they are in a program that queues more than one.
#pragma once

#include <functional>
#include <vector>

#include "kernels/cuda/runtime/device.hpp"

namespace knowscale::cuda {

struct Repetitions {
  double seconds = 0.5;  // of all together, about
  int least = 7;
  int most = 1000;
  int ahead = 8;  // at most queued at a time
};

// Calls work(i) for i = 0, 1, ..., which queues the i-th repetition on the stream; two more go before, to warm up.
std::vector<double> seconds_of(const std::function<void(int)>& work, const Repetitions& repetitions,
                               const Stream& stream);

}  // namespace knowscale::cuda

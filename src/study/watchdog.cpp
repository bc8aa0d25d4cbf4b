// SPDX-License-Identifier: BSD-3-Clause
#include "study/watchdog.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/error.hpp"
#include "core/streams.hpp"

namespace knowscale {

double Watchdog::bound(double seconds, double longest) {
  return longest == 0 ? seconds : std::min(seconds, std::max(60.0, 20 * longest));
}

Watchdog::Watchdog(double seconds, int rank) : seconds_(seconds), rank_(rank) {
  if (seconds > 0) thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Watchdog::watch_case(const std::string& what) {
  const std::lock_guard lock(mutex_);
  what_ = what;
  longest_ = 0;
}

void Watchdog::begin() {
  if (!thread_.joinable()) return;
  const std::lock_guard lock(mutex_);
  begun_ = Clock::now();
  const std::chrono::duration<double> allowed(bound(seconds_, longest_));
  deadline_ = begun_ + std::chrono::duration_cast<Clock::duration>(allowed);
  watching_ = true;  // the thread looks every second: nothing is woken in what is measured
}

void Watchdog::end() {
  if (!thread_.joinable()) return;
  const std::lock_guard lock(mutex_);
  watching_ = false;
  longest_ = std::max(longest_, std::chrono::duration<double>(Clock::now() - begun_).count());
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait_for(lock, std::chrono::seconds(1));
    if (!watching_ || Clock::now() < deadline_) continue;
    print_err(fmt::format(
        "knowscale: error: rank {} has been in one repetition for {:.0f} s ({}): another rank is dead, stopped or "
        "far slower; look there, or allow more with --watchdog SECONDS\n",
        rank_, std::chrono::duration<double>(Clock::now() - begun_).count(), what_));
    std::fflush(nullptr);
    _exit(static_cast<int>(ExitStatus::resource));  // MPI may be stuck: its own way out would be, too
  }
}

}  // namespace knowscale

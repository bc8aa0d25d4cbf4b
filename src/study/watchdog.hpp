// SPDX-License-Identifier: BSD-3-Clause
// Ends a program that waits for a rank that will never answer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace knowscale {

// A thread that sleeps, and looks at the clock between begin() and end(). When a repetition has taken too long it
// prints one line and leaves with ExitStatus::resource, whereupon the launcher ends the other ranks. The first
// repetition of a case may take `seconds`, a later one 20 times the longest so far, at least 60 and at most `seconds`.
class Watchdog {
 public:
  // seconds = 0: watches nothing. `rank` and begin()'s text are for the message.
  Watchdog(double seconds, int rank);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // From here on for the case of that description.
  void watch_case(const std::string& what);
  void begin();
  void end();

  // What a repetition may take when the longest of those before took that (0: there was none).
  static double bound(double seconds, double longest);

 private:
  using Clock = std::chrono::steady_clock;
  void run();

  const double seconds_;
  const int rank_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string what_;
  double longest_ = 0;
  bool stopping_ = false, watching_ = false;
  Clock::time_point begun_, deadline_;
  std::thread thread_;
};

}  // namespace knowscale

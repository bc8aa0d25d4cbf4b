// SPDX-License-Identifier: BSD-3-Clause
#include "study/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "comm/clock.hpp"
#include "core/streams.hpp"

namespace knowscale {

Progress::Progress(bool enabled, std::int64_t total, std::int64_t finished)
    : enabled_(enabled), terminal_(isatty(STDERR_FILENO) == 1), total_(total), finished_(finished), start_(now()) {}

// From the mean time of the cases of this launch.
std::string Progress::time_left() const {
  if (done_here_ == 0) return "time left unknown";
  const double seconds = (now() - start_) / static_cast<double>(done_here_) * static_cast<double>(total_ - finished_);
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  return fmt::format("about {}:{:02} left", whole / 60, whole % 60);
}

void Progress::clear_bar() {
  if (terminal_) print_err("\r\033[K");
}

void Progress::start(const std::string& label) {
  label_ = label;
  if (!enabled_ || !terminal_) return;
  constexpr std::int64_t width = 24;
  const std::int64_t filled = total_ == 0 ? width : width * finished_ / total_;
  print_err(fmt::format("\r\033[K[{:#<{}}{:.<{}}] {}/{} {} | {}", "", filled, "", width - filled, finished_, total_,
                        time_left(), label));
}

void Progress::finish(const std::string& result) {
  ++finished_;
  ++done_here_;
  if (!enabled_) return;
  clear_bar();
  print_err(fmt::format("[{}/{}] {}: {}; {}\n", finished_, total_, label_, result, time_left()));
}

void Progress::note(const std::string& line) {
  if (!enabled_) return;
  clear_bar();
  print_err(line + "\n");
}

}  // namespace knowscale

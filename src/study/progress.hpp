// SPDX-License-Identifier: BSD-3-Clause
// Progress on stderr, from rank 0 alone: a bar on a terminal, one line per case elsewhere.
#pragma once

#include <cstdint>
#include <string>

namespace knowscale {

class Progress {
 public:
  // `finished` of `total` cases were done by earlier launches.
  Progress(bool enabled, std::int64_t total, std::int64_t finished);

  void start(const std::string& label);    // a case begins
  void finish(const std::string& result);  // it ended with this
  void note(const std::string& line);      // something else that a user wants to know

 private:
  std::string time_left() const;
  void clear_bar();

  bool enabled_;
  bool terminal_;
  std::int64_t total_;
  std::int64_t finished_;
  std::int64_t done_here_ = 0;
  double start_;
  std::string label_;
};

}  // namespace knowscale

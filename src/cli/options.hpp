// SPDX-License-Identifier: BSD-3-Clause
// The command line as a plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "study/run.hpp"
#include "study/tune.hpp"
#include "study/verify.hpp"

namespace knowscale {

enum class Command { help, version, run, verify, ceilings, tune, info, list };

struct Options {
  Command command = Command::help;
  std::string help_text;  // of help
  RunOptions run;
  VerifyOptions verify;
  struct {
    int threads = 1;
    double seconds = 0.5;  // a rate
  } ceilings;
  TuneOptions tune;
  std::string file;        // of info
  bool list_keys = false;  // of list: the keys of campaigns, not what is in this build
};

// A command line that is wrong. `parallel`: that of a command which takes part in an MPI job, so that it is enough when
// one of the ranks says it.
class CommandLineError : public Error {
 public:
  CommandLineError(const std::string& message, bool parallel)
      : Error(ExitStatus::usage, message), parallel_(parallel) {}
  bool parallel() const { return parallel_; }

 private:
  bool parallel_;
};

// Parses the command line; KNOWSCALE_OUTPUT, KNOWSCALE_RANKS and KNOWSCALE_WATCHDOG stand for -o, --ranks and
// --watchdog of `run` where these are not given. Throws CommandLineError, one line, and prints nothing.
Options parse_options(int argc, char** argv);

}  // namespace knowscale

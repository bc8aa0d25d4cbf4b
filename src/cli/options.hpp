// SPDX-License-Identifier: BSD-3-Clause
// The command line as a plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "study/run.hpp"
#include "study/verify.hpp"

namespace knowscale {

enum class Command { help, version, run, verify, ceilings, info, list };

struct Options {
  Command command = Command::help;
  std::string help_text;  // of help
  RunOptions run;
  VerifyOptions verify;
  struct {
    int threads = 1;
    double seconds = 0.5;  // a rate
  } ceilings;
  std::string file;  // of info
};

// Parses the command line; KNOWSCALE_OUTPUT and KNOWSCALE_RANKS stand for -o and --ranks of `run` where they are
// not given. Throws Error(usage), one line, and prints nothing.
Options parse_options(int argc, char** argv);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "core/streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

namespace knowscale {
namespace {

int first_error = 0;  // of stdout

void note(bool written) {
  if (!written && first_error == 0) first_error = errno;
}

}  // namespace

void prepare_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // open() takes the lowest number that is free: this one, as those below it are open by now.
    if (fcntl(descriptor, F_GETFD) < 0) static_cast<void>(open("/dev/null", O_RDONLY));
  }
  for (const int signal : {SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_IGN);
}

void print_out(std::string_view text) { note(std::fwrite(text.data(), 1, text.size(), stdout) == text.size()); }

void print_err(std::string_view text) { static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr)); }

int output_error() {
  note(std::fflush(stdout) == 0);
  return first_error;
}

}  // namespace knowscale

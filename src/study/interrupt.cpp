// SPDX-License-Identifier: BSD-3-Clause
#include "study/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace knowscale {
namespace {

volatile std::sig_atomic_t stop_asked = 0;

void note(int) { stop_asked = 1; }

}  // namespace

void catch_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaction(signal, &action, nullptr);
}

bool stop_signal_came() { return stop_asked != 0; }

}  // namespace knowscale

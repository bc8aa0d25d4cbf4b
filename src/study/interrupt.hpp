// SPDX-License-Identifier: BSD-3-Clause
// Signals that ask the program to stop in order: SIGTERM, SIGINT, SIGUSR1 (Slurm's warning before the limit).
#pragma once

namespace knowscale {

// From now on those signals only set a flag.
void catch_stop_signals();

// Whether one of them has come to this process.
bool stop_signal_came();

}  // namespace knowscale

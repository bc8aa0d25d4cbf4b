// SPDX-License-Identifier: BSD-3-Clause
#include "comm/clock.hpp"

#include <chrono>
#include <limits>

namespace knowscale {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double clock_offset(const Communicator& comm) {
  constexpr int exchanges = 20;
  double offset = 0, shortest = std::numeric_limits<double>::infinity();
  for (int other = 1; other < comm.size(); ++other) {
    for (int i = 0; i < exchanges; ++i) {
      if (comm.is_root()) {
        double there = 0;  // the time there, only to start the exchange
        comm.receive(std::span<double>(&there, 1), other);
        const double here = now();
        comm.send(std::span<const double>(&here, 1), other);
      } else if (comm.rank() == other) {
        const double sent = now();
        double root = 0;
        comm.send(std::span<const double>(&sent, 1), 0);
        comm.receive(std::span<double>(&root, 1), 0);
        const double received = now();
        if (received - sent < shortest) {
          shortest = received - sent;
          offset = root - (sent + received) / 2;
        }
      }
    }
  }
  return offset;
}

}  // namespace knowscale

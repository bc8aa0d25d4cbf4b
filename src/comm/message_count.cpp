// SPDX-License-Identifier: BSD-3-Clause
#include "comm/message_count.hpp"

#include <mpi.h>

namespace knowscale {

std::optional<Traffic> counted_traffic() {
  Traffic traffic;
  bool answered = false;
  MPI_Pcontrol(kAskForTraffic, &traffic, &answered);
  return answered ? std::optional(traffic) : std::nullopt;
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// What was really sent, where the program links the library knowscale::message_count, which stands between it and MPI
// (PMPI). That library is asked by MPI_Pcontrol, which does nothing without it.
#pragma once

#include <optional>

#include "comm/reduction_cost.hpp"

namespace knowscale {

// Sent by this rank since the program began, by the calls it made: point-to-point messages as they are, collectives as
// Traffic says. Nothing where the library is not linked.
std::optional<Traffic> counted_traffic();

// Levels of MPI_Pcontrol that the library answers: a Traffic* to write to, a bool* to set.
inline constexpr int kAskForTraffic = 0x6b73;

}  // namespace knowscale

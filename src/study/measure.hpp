// SPDX-License-Identifier: BSD-3-Clause
// Timing of one case after Hoefler & Belli (SC'15): synchronised repetitions, the maximum over ranks, every
// sample kept, until the 95 % interval of the median is narrow enough or the time is over.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "campaign/campaign.hpp"
#include "comm/communicator.hpp"
#include "core/statistics.hpp"
#include "models/model.hpp"

namespace knowscale {

// One repetition, in seconds. compute + copy + exchange + wait = seconds.
struct Sample {
  double seconds = 0;   // from a rank's start to its end, the maximum over ranks
  double compute = 0;   // mean over ranks
  double copy = 0;      // mean over ranks, between host and device
  double exchange = 0;  // what is left once the last rank has computed
  double wait = 0;      // mean over ranks, for slower ranks and for predecessors
  double hidden = 0;    // mean over ranks, of compute: while messages were under way
  double skew = 0;      // first to last start, on rank 0's clock
};

// Medians over the repetitions of one rank, in seconds.
struct RankTimes {
  double compute = 0;
  double copy = 0;
  double wait = 0;
};

struct Measurement {
  std::vector<Sample> samples;
  std::vector<RankTimes> ranks;
  MedianInterval seconds;
  std::string stopped_by;  // interval, time, repetitions
  bool interrupted = false;
};

// Warms up, then repeats `run`. Collective, blocking; the Measurement is complete on rank 0 alone,
// `interrupted` on all. `stop_asked` may differ between ranks: one is enough to stop.
Measurement measure(const Communicator& comm, const Timing& timing, const std::function<Phases()>& run,
                    const std::function<bool()>& stop_asked);

// Splits one repetition by what its ranks took.
struct RankSample {
  double start = 0;  // on rank 0's clock
  double seconds = 0;
  double compute = 0;
  double waited = 0;
  double hidden = 0;
  double copied = 0;
};
Sample summarise(const std::vector<RankSample>& ranks);

// How long rank `rank` waited in that repetition: for its predecessor, and for the last one to compute.
double wait_of(const std::vector<RankSample>& ranks, std::size_t rank);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "study/measure.hpp"

#include <algorithm>

#include "comm/clock.hpp"

namespace knowscale {
namespace {

constexpr std::size_t kMaxRepetitions = 10000;
constexpr double kWarmUpShare = 0.1;  // of max_seconds, at least one run

constexpr std::size_t kRankNumbers = 6;
static_assert(sizeof(RankSample) == kRankNumbers * sizeof(double), "gathered as doubles");

// One synchronised repetition; complete on the root.
std::vector<RankSample> repeat_once(const Communicator& comm, const std::function<Phases()>& run, double offset) {
  comm.barrier();
  const double start = now();
  const Phases phases = run();
  const double seconds = now() - start;
  // Copies to and from a device are part of what a rank took to compute, or to exchange from there.
  const double copied = std::min(phases.copied, phases.compute);
  const double mine[kRankNumbers] = {start + offset, seconds,       phases.compute - copied,
                                     phases.waited,  phases.hidden, copied};
  const std::vector<double> all = comm.gather(std::span<const double>(mine));
  std::vector<RankSample> ranks;
  for (std::size_t i = 0; i < all.size(); i += kRankNumbers) {
    ranks.push_back({all[i], all[i + 1], all[i + 2], all[i + 3], all[i + 4], all[i + 5]});
  }
  return ranks;
}

// When the last rank had computed, from its start: from here on it is exchange.
double last_busy(const std::vector<RankSample>& ranks) {
  double busy = 0;
  for (const RankSample& rank : ranks) busy = std::max(busy, rank.compute + rank.copied + rank.waited);
  return busy;
}

// Why to stop now, or nothing.
std::string reason_to_stop(const std::vector<double>& seconds, const Timing& timing, double elapsed) {
  const MedianInterval interval = median_interval(seconds);
  const bool narrow = interval.bounded && interval.high - interval.low <= timing.relative_interval * interval.median;
  if (narrow && seconds.size() >= static_cast<std::size_t>(timing.min_repetitions)) return "interval";
  if (elapsed >= timing.max_seconds) return "time";
  return seconds.size() >= kMaxRepetitions ? "repetitions" : "";
}

// The root's decision, together with whether any rank was asked to stop.
enum class Next : int { go_on = 0, done = 1, interrupted = 2 };
Next decide(const Communicator& comm, bool done, bool stop_asked) {
  const int mine = stop_asked ? 2 : done && comm.is_root() ? 1 : 0;
  return static_cast<Next>(comm.allreduce(mine, Combine::maximum));
}

Next warm_up(const Communicator& comm, const Timing& timing, const std::function<Phases()>& run,
             const std::function<bool()>& stop_asked) {
  const double start = now();
  Next next = Next::go_on;
  while (next == Next::go_on) {
    comm.barrier();
    run();
    next = decide(comm, now() - start >= kWarmUpShare * timing.max_seconds, stop_asked());
  }
  return next;
}

}  // namespace

double wait_of(const std::vector<RankSample>& ranks, std::size_t rank) {
  return last_busy(ranks) - ranks[rank].compute - ranks[rank].copied;
}

Sample summarise(const std::vector<RankSample>& ranks) {
  Sample sample;
  double first = ranks.front().start, last = first;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    sample.seconds = std::max(sample.seconds, ranks[r].seconds);
    sample.compute += ranks[r].compute / static_cast<double>(ranks.size());
    sample.hidden += ranks[r].hidden / static_cast<double>(ranks.size());
    sample.copy += ranks[r].copied / static_cast<double>(ranks.size());
    sample.wait += wait_of(ranks, r) / static_cast<double>(ranks.size());
    first = std::min(first, ranks[r].start);
    last = std::max(last, ranks[r].start);
  }
  sample.exchange = sample.seconds - last_busy(ranks);
  sample.skew = last - first;
  return sample;
}

Measurement measure(const Communicator& comm, const Timing& timing, const std::function<Phases()>& run,
                    const std::function<bool()>& stop_asked) {
  Measurement result;
  std::vector<double> seconds;
  std::vector<std::vector<double>> compute(static_cast<std::size_t>(comm.size())), copy(compute.size()),
      wait(compute.size());
  const double offset = clock_offset(comm);
  Next next = warm_up(comm, timing, run, stop_asked);
  const double start = now();
  if (next == Next::done) next = Next::go_on;
  while (next == Next::go_on) {
    const std::vector<RankSample> ranks = repeat_once(comm, run, offset);
    if (comm.is_root()) {
      result.samples.push_back(summarise(ranks));
      seconds.push_back(result.samples.back().seconds);
      for (std::size_t r = 0; r < ranks.size(); ++r) {
        compute[r].push_back(ranks[r].compute);
        copy[r].push_back(ranks[r].copied);
        wait[r].push_back(wait_of(ranks, r));
      }
      result.stopped_by = reason_to_stop(seconds, timing, now() - start);
    }
    next = decide(comm, !result.stopped_by.empty(), stop_asked());
  }
  result.interrupted = next == Next::interrupted;
  if (!comm.is_root() || seconds.empty()) return result;
  result.seconds = median_interval(seconds);
  for (std::size_t r = 0; r < compute.size(); ++r) {
    result.ranks.push_back({quantile(compute[r], 0.5), quantile(copy[r], 0.5), quantile(wait[r], 0.5)});
  }
  return result;
}

}  // namespace knowscale

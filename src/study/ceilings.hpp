// SPDX-License-Identifier: BSD-3-Clause
// The machine's ceilings, measured in the same run as the cases, and what share of them a case reached.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "comm/communicator.hpp"
#include "kernels/engine.hpp"
#include "models/cost.hpp"
#include "record/table.hpp"

namespace knowscale {

// name: fma_f32, fma_f64, fma_bf16 (FLOP/s), read (bytes/s), merge (bytes/s of f32 states merged into others), each of
// all ranks together; allreduce_latency, ping_pong_latency, shift_latency (s, of 8 bytes); allreduce_bandwidth,
// ping_pong_bandwidth (bytes/s, of 16 MiB); of all ranks passing 1 MiB on to the next: shift_bandwidth (bytes/s per
// rank) and shift_overlap (the share that can be hidden behind compute: little where the cores themselves copy
// messages). Of the devices of all ranks together: device_f32, device_tf32, device_bf16, device_f16 (FLOP/s),
// device_copy and device_read (bytes/s; what a copy reads and writes).
struct Ceiling {
  std::string name;
  int ranks = 1;
  int threads = 1;  // a rank
  double value = 0;
  std::string units;
};

// What bounds a case, and how near it came.
struct Bound {
  std::string name;     // fma_f32, fma_f64, fma_bf16 or read; on devices a name of theirs
  double fraction = 0;  // time at the ceiling over the time measured; at most 1
};

// The rates of every (ranks, threads) that was asked for, measured when first needed. Collective over the
// communicator given; on all of its ranks the same.
class Ceilings {
 public:
  explicit Ceilings(double seconds_each) : seconds_each_(seconds_each) {}
  // Those of another time or machine.
  explicit Ceilings(std::vector<Ceiling> known) : seconds_each_(0), ceilings_(std::move(known)) {}

  // Measures all ceilings of `comm` with `threads` on each rank, unless known.
  void measure(const Communicator& comm, const Threads& threads);
  // Likewise of the devices that its ranks have.
  void measure_devices(const Communicator& comm, const Device& device);

  // Measures the compute and read rates once more and keeps the higher ones: before a case is called
  // faster than the machine.
  void refine(const Communicator& comm, const Threads& threads);
  void refine_devices(const Communicator& comm);

  // The longer of flops over FMA rate and bytes over read rate, over `seconds`. Reading bounds only what is
  // too large for the caches: shards of four times the last level and more.
  Bound bound_of(const Case& c, const Cost& cost, double seconds) const;

  // What exchange between the ranks of the case should take; all 0 for one rank.
  ExchangeRates exchange_rates(const Case& c) const;

  // Seconds that computing the case should take, where all its ranks read their shards `reads` times: what is read
  // again is not all hidden behind arithmetic.
  double compute_seconds(const Case& c, const Cost& cost, double reads) const;

  const std::vector<Ceiling>& all() const { return ceilings_; }

 private:
  struct AtCeilings {
    double computing = 0, reading = 0;  // s
    std::string computing_name, reading_name;
  };
  AtCeilings at_ceilings(const Case& c, const Cost& cost) const;
  double rate(const std::string& name, const Case& c, int threads) const;
  void keep(const std::string& name, int ranks, int threads, double value, const std::string& units);
  void measure_compute(const Communicator& comm, const Threads& threads);
  void measure_network(const Communicator& comm, int threads);

  double seconds_each_;
  std::vector<Ceiling> ceilings_;
  std::int64_t device_cache_ = 0;  // bytes, the largest
};

// /ceilings of the result file.
Table ceilings_table(const std::vector<Ceiling>& ceilings, std::int64_t launch);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "study/ceilings.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "comm/channel.hpp"
#include "comm/clock.hpp"
#include "core/statistics.hpp"
#include "kernels/ceilings.hpp"
#include "kernels/engine.hpp"
#include "kernels/partial.hpp"
#include "kernels/threads.hpp"
#include "study/devices.hpp"

namespace knowscale {
namespace {

constexpr std::int64_t kShiftedBytes = std::int64_t{1} << 20;
constexpr std::int64_t kMessageBytes = std::int64_t{16} << 20;
constexpr int kLatencyRepetitions = 200;
constexpr int kBandwidthRepetitions = 7;

// Median seconds of `call`, the maximum over ranks each time.
double median_seconds(const Communicator& comm, int repetitions, const std::function<void()>& call) {
  std::vector<double> seconds;
  for (int i = 0; i <= repetitions; ++i) {
    comm.barrier();
    const double start = now();
    call();
    if (i > 0) seconds.push_back(now() - start);  // the first warms up
  }
  comm.allreduce(std::span<double>(seconds), Combine::maximum);
  return quantile(seconds, 0.5);
}

// One way of a ping-pong between ranks 0 and 1.
double ping_pong_seconds(const Communicator& comm, int repetitions, std::span<double> message) {
  const auto call = [&] {
    if (comm.rank() == 0) {
      comm.send(std::span<const double>(message), 1);
      comm.receive(message, 1);
    } else if (comm.rank() == 1) {
      comm.receive(message, 0);
      comm.send(std::span<const double>(message), 0);
    }
  };
  return median_seconds(comm, repetitions, call) / 2;
}

// The share of a shift that takes `seconds` alone which can be hidden behind as much compute that polls now and then
// (as the OSU micro-benchmarks measure overlap).
double hidden_share(const Communicator& comm, MatrixView<double> received, double seconds) {
  constexpr double between_polls = 20e-6;
  const Channel channel(comm, true);
  Matrix<double> sent(received.rows, received.cols);
  std::fill_n(sent.data(), sent.size(), 1.0);
  const int p = comm.size();
  const double both = median_seconds(comm, kLatencyRepetitions / 4, [&] {
    Requests requests = channel.receive<double>(received, (comm.rank() + p - 1) % p);
    requests.add(channel.send<double>(sent.view(), (comm.rank() + 1) % p));
    double computed = 0;
    while (computed < seconds) {
      const double start = now();
      while (now() - start < between_polls) {
      }
      computed += now() - start;
      requests.complete();
    }
    requests.wait();
  });
  return std::clamp((2 * seconds - both) / seconds, 0.0, 1.0);
}

// Bytes of states merged a second by this rank: 4 MiB into as much.
double merge_rate(const Threads& threads, double seconds) {
  constexpr std::int64_t width = 66, rows = (4 << 20) / (width * sizeof(float));
  Partial<float> into(rows, {1, 1, width - 2, width - 2}), from(rows, {1, 1, width - 2, width - 2});
  for (std::int64_t i = 0; i < rows; ++i) from.rows()(i, width - 1) = into.rows()(i, width - 1) = 0;
  std::vector<double> passes;
  const double begin = now();
  while (passes.empty() || now() - begin < seconds) {
    const double start = now();
    merge<float>(into.rows(), std::as_const(from).rows(), threads);
    passes.push_back(now() - start);
  }
  return static_cast<double>(rows * width) * sizeof(float) / quantile(passes, 0.5);
}

// Large enough that all ranks of a node together miss the last-level cache.
Matrix<double> read_buffer(const Communicator& comm) {
  const std::int64_t ranks_here = comm.node().size();
  const std::int64_t bytes = std::max(4 * last_level_cache_bytes() / ranks_here, std::int64_t{32} << 20);
  Matrix<double> buffer(1, bytes / static_cast<std::int64_t>(sizeof(double)));
  std::fill_n(buffer.data(), buffer.size(), 1.0);
  return buffer;
}

// Numbers of f16 are computed with as f32, and so is what a model makes of tokens and knowledge before its softmax:
// only a softmax over the knowledge as it is stored multiplies bf16.
bool multiplies_as_stored(const Case& c) {
  const Structure& structure = model_by_name(c.model).structure;
  return !structure.projected && (structure.moments == 0 || structure.sees_knowledge());
}

// The rates that the case's products are held against. What has no kernel multiplies as those of the host do.
std::span<const RateLimit> limits_of(const Case& c) {
  const bool widened = bytes_of(c.precision) < bytes_of(Precision::f32) && !multiplies_as_stored(c);
  return kernel_by_name(c.kernel == kUnused ? "simd" : c.kernel).limits(widened ? Precision::f32 : c.precision);
}

// Rates of devices do not depend on the threads of their ranks.
constexpr int kAnyThreads = 0;

}  // namespace

void Ceilings::keep(const std::string& name, int ranks, int threads, double value, const std::string& units) {
  for (Ceiling& ceiling : ceilings_) {
    if (ceiling.name == name && ceiling.ranks == ranks && ceiling.threads == threads) {
      ceiling.value = std::max(ceiling.value, value);
      return;
    }
  }
  ceilings_.push_back({name, ranks, threads, value, units});
}

void Ceilings::measure_compute(const Communicator& comm, const Threads& threads) {
  const auto together = [&](const std::string& name, const std::string& units, auto rate) {
    comm.barrier();
    keep(name, comm.size(), threads.count(), comm.allreduce(rate(), Combine::sum), units);
  };
  together("fma_f32", "FLOP/s", [&] { return fma_rate<float>(threads, seconds_each_); });
  together("fma_f64", "FLOP/s", [&] { return fma_rate<double>(threads, seconds_each_); });
  together("fma_bf16", "FLOP/s", [&] { return fma_rate<Bf16>(threads, seconds_each_); });
  together("merge", "B/s", [&] { return merge_rate(threads, seconds_each_); });
  Matrix<double> buffer = read_buffer(comm);
  together("read", "B/s", [&] { return read_rate(threads, std::as_const(buffer).span(), seconds_each_); });
}

void Ceilings::measure_network(const Communicator& comm, int threads) {
  if (comm.size() < 2) return;
  Matrix<double> message(1, kMessageBytes / static_cast<std::int64_t>(sizeof(double)));
  std::fill_n(message.data(), message.size(), 1.0);
  const std::span<double> all = message.span(), one = all.first(1);
  const auto latency = [&](const std::string& name, double seconds) { keep(name, comm.size(), threads, seconds, "s"); };
  const auto bandwidth = [&](const std::string& name, double seconds) {
    keep(name, comm.size(), threads, static_cast<double>(kMessageBytes) / seconds, "B/s");
  };
  const auto allreduce = [&](std::span<double> data) {
    return [&comm, data] { comm.allreduce(data, Combine::maximum); };
  };
  latency("allreduce_latency", median_seconds(comm, kLatencyRepetitions, allreduce(one)));
  bandwidth("allreduce_bandwidth", median_seconds(comm, kBandwidthRepetitions, allreduce(all)));
  latency("ping_pong_latency", ping_pong_seconds(comm, kLatencyRepetitions, one));
  bandwidth("ping_pong_bandwidth", ping_pong_seconds(comm, kBandwidthRepetitions, all));
  Matrix<double> shifted(1, kShiftedBytes / static_cast<std::int64_t>(sizeof(double)));
  const auto shift = [&](std::size_t count) {
    return [&, count] { comm.shift(std::span<const double>(all.first(count)), shifted.span().first(count)); };
  };
  latency("shift_latency", median_seconds(comm, kLatencyRepetitions, shift(1)));
  const double seconds = median_seconds(comm, kLatencyRepetitions, shift(static_cast<std::size_t>(shifted.size())));
  keep("shift_overlap", comm.size(), threads, hidden_share(comm, shifted.view(), seconds), "1");
  keep("shift_bandwidth", comm.size(), threads, static_cast<double>(kShiftedBytes) / seconds, "B/s");
}

void Ceilings::measure(const Communicator& comm, const Threads& threads) {
  const bool known = std::any_of(ceilings_.begin(), ceilings_.end(), [&](const Ceiling& ceiling) {
    return ceiling.ranks == comm.size() && ceiling.threads == threads.count();
  });
  if (known) return;
  measure_compute(comm, threads);
  measure_network(comm, threads.count());
}

void Ceilings::measure_devices(const Communicator& comm, const Device& device) {
  device_cache_ = std::max(device_cache_, comm.allreduce(device.cache, Combine::maximum));
  const bool known = std::any_of(ceilings_.begin(), ceilings_.end(), [&](const Ceiling& ceiling) {
    return ceiling.ranks == comm.size() && ceiling.name == "device_copy";
  });
  if (!known) refine_devices(comm);
}

void Ceilings::refine_devices(const Communicator& comm) {
  comm.barrier();
  std::vector<DeviceRate> rates;
  comm.together([&] { rates = engine_of_devices()->devices->measure(seconds_each_); });
  for (const DeviceRate& rate : rates) {
    keep(std::string(rate.name), comm.size(), kAnyThreads, comm.allreduce(rate.value, Combine::sum),
         std::string(rate.units));
  }
}

void Ceilings::refine(const Communicator& comm, const Threads& threads) { measure_compute(comm, threads); }

// What c.ranks ranks together can do at least: what they did, and also their share of what more ranks did at once.
double Ceilings::rate(const std::string& name, const Case& c, int threads) const {
  double best = 0;
  for (const Ceiling& ceiling : ceilings_) {
    if (ceiling.name != name || ceiling.threads != threads || ceiling.ranks < c.ranks) continue;
    best = std::max(best, ceiling.value * c.ranks / ceiling.ranks);
  }
  return best;
}

ExchangeRates Ceilings::exchange_rates(const Case& c) const {
  ExchangeRates rates;
  if (c.ranks == 1) return rates;
  const auto value = [&](const std::string& name) {
    for (const Ceiling& ceiling : ceilings_) {
      if (ceiling.name == name && ceiling.ranks == c.ranks && ceiling.threads == c.threads) return ceiling.value;
    }
    throw Error(ExitStatus::usage, "ceiling " + name + " was not measured");
  };
  return {value("allreduce_latency"), value("allreduce_bandwidth"), value("shift_latency"),
          value("shift_bandwidth"),   value("merge") / c.ranks,     value("shift_overlap")};
}

double Ceilings::compute_seconds(const Case& c, const Cost& cost, double reads) const {
  const AtCeilings least = at_ceilings(c, cost);
  return least.computing + reads * least.reading;
}

Bound Ceilings::bound_of(const Case& c, const Cost& cost, double seconds) const {
  const AtCeilings least = at_ceilings(c, cost);
  if (least.reading > least.computing) return {least.reading_name, least.reading / seconds};
  return {least.computing_name, least.computing / seconds};
}

Ceilings::AtCeilings Ceilings::at_ceilings(const Case& c, const Cost& cost) const {
  const bool on_device = runs_on_device(c);
  const int threads = on_device ? kAnyThreads : c.threads;
  AtCeilings least = {0, 0, "", on_device ? "device_read" : "read"};
  double fastest = 0;
  for (const RateLimit& limit : limits_of(c)) {
    const std::string name(limit.rate);
    const double products = rate(name, c, threads) / limit.products;
    if (least.computing_name.empty() || products > fastest) least.computing_name = name, fastest = products;
  }
  least.computing = cost.flops / fastest;
  // All ranks of a host share its cache; a device has its own.
  const double bytes = cost.bytes_read * c.ranks;
  const bool from_memory = on_device ? cost.bytes_read >= 4 * static_cast<double>(device_cache_)
                                     : bytes >= 4 * static_cast<double>(last_level_cache_bytes());
  if (from_memory) least.reading = bytes / rate(least.reading_name, c, threads);
  return least;
}

Table ceilings_table(const std::vector<Ceiling>& ceilings, std::int64_t launch) {
  std::vector<std::int64_t> launches, ranks, threads;
  std::vector<std::string> names, units;
  std::vector<double> values;
  for (const Ceiling& ceiling : ceilings) {
    launches.push_back(launch);
    names.push_back(ceiling.name);
    ranks.push_back(ceiling.ranks);
    threads.push_back(ceiling.threads);
    values.push_back(ceiling.value);
    units.push_back(ceiling.units);
  }
  return {"ceilings",
          {{"launch", "1", "launch of the program, from 1", launches},
           {"name", "", "what was measured", names},
           {"ranks", "1", "MPI ranks together", ranks},
           {"threads", "1", "threads per rank, 0: of its device, whatever threads it has", threads},
           {"value", "", "measured value, in the units of the row", values},
           {"units", "", "units of the value", units}}};
}

}  // namespace knowscale

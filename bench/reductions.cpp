// SPDX-License-Identifier: BSD-3-Clause
// Reductions alone: every one on states of 66 floats to 64 MiB, on 1, 2, 4, ... ranks, nothing computed, interleaved
// with an MPI_Allreduce(MPI_SUM) of the same bytes; or plain and overlapped beside compute, interleaved.
//
//   mpirun -n 2 bench_reductions [--ranks P,...] [--most BYTES] [--seconds SECONDS] [--overlap]
//   mpirun -n 2 bench_reductions --beside [-n N] [-m M] [-d D] [--seconds SECONDS]
//
// Where keys travel (ring), there are as many as queries.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "comm/clock.hpp"
#include "comm/reduction.hpp"
#include "core/statistics.hpp"
#include "kernels/threads.hpp"
#include "record/console.hpp"
#include "study/choose.hpp"

namespace knowscale {
namespace {

struct Settings {
  std::vector<int> ranks;
  std::int64_t most_bytes = std::int64_t{64} << 20;
  double seconds = 0.3;  // for each line
  bool overlap = false;
  bool beside = false;
  std::int64_t n = 4096, m = 65536, d = 64;
};

// Leaves the state as it is: what exchange takes does not depend on its numbers.
double compute_nothing(const AttentionInput<float>&, MatrixView<float>, const Threads&) { return 0; }

Matrix<float> some_numbers(std::int64_t rows, std::int64_t cols) {
  Matrix<float> matrix(rows, cols);
  for (std::int64_t i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<float>(i % 7 - 3) / 8;
  return matrix;
}

// A rank's part of a problem of n queries and m keys; a chunk a rank.
struct Problem {
  Problem(const Communicator& ranks, const Case& c)
      : comm(ranks),
        shards(shard_ranges(c.m, comm.size(), (c.m + comm.size() - 1) / comm.size())),
        queries(some_numbers(c.n, c.d)),
        keys(some_numbers(shards[static_cast<std::size_t>(comm.rank())].size(), c.d)),
        values(some_numbers(keys.rows(), c.d)),
        output(c.n, c.d) {}

  ShardedAttention<float> attention(const Reduction& reduction, const Kernel& kernel, ReductionOptions options) const {
    options.placement = reduction.natural;
    if (options.chunk == 0) options.chunk = std::max<std::int64_t>(shards.front().size(), 1);
    const std::int64_t d = queries.cols();
    const AttentionInput<float> input = {queries.view(), {}, {}, {1, 1, d, d}, 0.125};
    return {comm, threads, kernel, input, {{{keys.view(), values.view(), {}}, shards}}, options};
  }

  const Communicator& comm;
  std::vector<RowRange> shards;
  Matrix<float> queries, keys, values, output;
  Threads threads{1};
};

// One repetition: the slowest rank's time, and of it what was not compute.
struct Times {
  std::vector<double> seconds, exchange, hidden;

  double median(const std::vector<double>& samples) const { return quantile(samples, 0.5); }
};

void repeat(const Communicator& comm, const std::function<Phases()>& run, Times& times) {
  comm.barrier();
  const double start = now();
  const Phases phases = run();
  const double seconds = now() - start;
  times.seconds.push_back(comm.allreduce(seconds, Combine::maximum));
  times.exchange.push_back(times.seconds.back() - comm.allreduce(phases.compute, Combine::maximum));
  times.hidden.push_back(comm.allreduce(phases.hidden, Combine::sum) / comm.size());
}

// Whether another repetition fits; the same on all ranks.
bool goes_on(const Communicator& comm, double start, double seconds, std::size_t done) {
  constexpr std::size_t least = 5, most = 2000;
  return comm.allreduce(done < least || (now() - start < seconds && done < most) ? 1 : 0, Combine::minimum) == 1;
}

void print(const Communicator& comm, const std::string& line) {
  if (comm.is_root()) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  }
}

// Every reduction on one state size.
void measure_alone(const Communicator& comm, const Settings& settings, std::int64_t queries) {
  Case c;
  c.n = queries;
  c.m = std::max<std::int64_t>(queries, comm.size());
  const Problem problem(comm, c);
  Matrix<float> output(c.n, c.d);
  const Kernel nothing = {.name = "nothing", .compute = compute_nothing};
  std::vector<float> plain(static_cast<std::size_t>(queries * (c.d + 2)), 0);
  const double bytes = static_cast<double>(plain.size() * sizeof(float));
  for (const Reduction& reduction : reductions()) {
    const ReductionOptions options = {.overlap = settings.overlap, .chunk = 0};
    const ShardedAttention<float> attention = problem.attention(reduction, nothing, options);
    const auto prepared = reduction.prepare(attention);
    Times exchange, allreduce;
    const double start = now();
    while (goes_on(comm, start, settings.seconds, exchange.seconds.size())) {
      repeat(
          comm, [&] { return prepared->run(output.view()); }, exchange);
      const auto sum = [&] {
        comm.allreduce(std::span<float>(plain), Combine::sum);
        return Phases{};
      };
      repeat(comm, sum, allreduce);
    }
    const MedianInterval interval = median_interval(exchange.exchange);
    const double ratio = interval.median / quantile(allreduce.seconds, 0.5);
    const std::string shown =
        comm.size() == 1 ? "-" : fmt::format("{:.2f}", ratio);  // alone there is nothing to reduce
    print(comm, fmt::format("{:>5}  {:>12.0f}  {:<15}{:>10}  {:>21}  {:>10}  {:>7}", comm.size(), bytes, reduction.name,
                            with_prefix(interval.median, "s"),
                            with_prefix(interval.low, "s") + " - " + with_prefix(interval.high, "s"),
                            with_prefix(bytes / interval.median, "B/s"), shown));
  }
}

void measure_all_sizes(const Communicator& comm, const Settings& settings) {
  constexpr std::int64_t row = 66 * sizeof(float);
  for (std::int64_t queries = 1;; queries *= 4) {
    const std::int64_t last = settings.most_bytes / row;
    measure_alone(comm, settings, std::min(queries, last));
    if (queries >= last) break;
  }
}

// Plain and overlapped forms of every reduction, with compute.
void measure_beside(const Communicator& comm, const Settings& settings) {
  Case c;
  c.model = "knowledge";
  c.n = settings.n;
  c.m = settings.m;
  c.d = settings.d;
  c.ranks = comm.size();
  c.options.overlap = true;
  Ceilings ceilings(0.2);
  ceilings.measure(comm, Threads(1));
  Problem problem(comm, c);
  const Kernel& kernel = kernel_by_name("simd");
  for (const Reduction& reduction : reductions()) {
    use_reduction(c, reduction, {.overlap = true});
    const ReductionOptions chosen = choose(c, ceilings).c.options;
    ReductionOptions options[] = {{.overlap = false, .chunk = 0}, chosen};
    options[1].chunk = 0;
    std::vector<ShardedAttention<float>> attentions;
    for (const ReductionOptions& each : options) attentions.push_back(problem.attention(reduction, kernel, each));
    const std::unique_ptr<PreparedAttention<float>> forms[] = {reduction.prepare(attentions[0]),
                                                               reduction.prepare(attentions[1])};
    Times times[2];
    const double start = now();
    while (goes_on(comm, start, 10 * settings.seconds, times[0].seconds.size())) {
      for (int form = 0; form < 2; ++form) {
        repeat(
            comm, [&] { return forms[form]->run(problem.output.view()); }, times[form]);
      }
    }
    const double plain = quantile(times[0].seconds, 0.5), overlapped = quantile(times[1].seconds, 0.5);
    const double exchange = quantile(times[0].exchange, 0.5);
    print(comm, fmt::format("{:>5}  {:<15}{:>10}  {:>10}  {:>8.3f}  {:>9.1f} %  {:>8.0f} %  {:>6}", comm.size(),
                            reduction.name, with_prefix(plain, "s"), with_prefix(overlapped, "s"), overlapped / plain,
                            100 * exchange / plain, 100 * (plain - overlapped) / exchange, chosen.query_tile));
  }
}

void run(const Settings& settings) {
  const Communicator world = Communicator::world();
  std::vector<int> counts = settings.ranks;
  for (int ranks = 1; settings.ranks.empty() && ranks <= world.size(); ranks *= 2) counts.push_back(ranks);
  print(world, settings.beside
                   ? fmt::format("n = {}, m = {}, d = {}, f32, kernel simd, a thread a rank\n"
                                 "ranks  reduction           plain  overlapped     ratio     exchange       "
                                 "saved    tile",
                                 settings.n, settings.m, settings.d)
                   : "ranks         bytes  reduction            time           95 % interval   algorithm  "
                     "/ plain");
  for (const int ranks : counts) {
    const Communicator comm = world.first(ranks);
    if (comm.size() > 0) (settings.beside ? measure_beside : measure_all_sizes)(comm, settings);
    world.sleeping_barrier();
  }
}

}  // namespace
}  // namespace knowscale

int main(int argc, char** argv) {
  const knowscale::MpiSession session(&argc, &argv);
  knowscale::Settings settings;
  CLI::App app("Reductions alone, or plain and overlapped beside compute", "bench_reductions");
  app.add_option("--ranks", settings.ranks, "Rank counts (default: 1, 2, 4, ...)")->delimiter(',');
  app.add_option("--most", settings.most_bytes, "Largest state, bytes")->capture_default_str();
  app.add_option("--seconds", settings.seconds, "Seconds a line")->capture_default_str();
  app.add_flag("--overlap", settings.overlap, "Non-blocking collectives");
  app.add_flag("--beside", settings.beside, "With compute: plain and overlapped, interleaved");
  app.add_option("-n", settings.n, "Queries, of --beside")->capture_default_str();
  app.add_option("-m", settings.m, "Keys, of --beside")->capture_default_str();
  app.add_option("-d", settings.d, "Width, of --beside")->capture_default_str();
  try {
    app.parse(argc, argv);
    knowscale::run(settings);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const knowscale::Error& error) {
    fmt::print(stderr, "bench_reductions: error: {}\n", error.what());
    knowscale::abort_all_ranks(static_cast<int>(error.status()));
  }
  return 0;
}

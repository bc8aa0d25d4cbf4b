// SPDX-License-Identifier: BSD-3-Clause
// What is done with partial states and moments: merge, normalise (bytes/s, fraction of the read rate of the same
// process) and Z^T diag(a) Z (FLOP/s, fraction of the FMA rate; 2 d^2 FLOP a row, of which the mirrored half is not
// computed: the fraction may exceed 1).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/ceilings.hpp"
#include "kernels/moments.hpp"
#include "kernels/partial.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

Partial<float> some_state(std::int64_t queries, std::int64_t value_dim) {
  Partial<float> state(queries, {1, 1, value_dim, value_dim});
  for (std::int64_t i = 0; i < state.rows().size(); ++i) state.rows().data[i] = static_cast<float>(1 + i % 17);
  return state;
}

void report_bytes(benchmark::State& state, double bytes, const Threads& threads = Threads(1)) {
  Matrix<double> buffer(1, 1 << 26);
  std::fill_n(buffer.data(), buffer.size(), 1.0);
  const double read = read_rate(threads, std::as_const(buffer).span(), 0.2);
  using benchmark::Counter;
  state.counters["B/s"] = Counter(bytes, Counter::kIsIterationInvariantRate);
  state.counters["of_read"] = Counter(bytes / read, Counter::kIsIterationInvariantRate);
}

void merge_states(benchmark::State& state) {
  const Threads threads(static_cast<int>(state.range(2)));
  Partial<float> into = some_state(state.range(0), state.range(1));
  const Partial<float> from = some_state(state.range(0), state.range(1));
  for (auto _ : state) {
    merge(into.rows(), from.rows(), threads);
    benchmark::DoNotOptimize(into.rows().data);
  }
  report_bytes(state, 3.0 * static_cast<double>(into.rows().size()) * sizeof(float), threads);
}

// The same traffic without exponentials: what a merge can reach.
void add_states(benchmark::State& state) {
  const Threads threads(static_cast<int>(state.range(2)));
  Partial<float> into = some_state(state.range(0), state.range(1));
  const Partial<float> from = some_state(state.range(0), state.range(1));
  for (auto _ : state) {
    add(into.rows(), from.rows(), threads);
    benchmark::DoNotOptimize(into.rows().data);
  }
  report_bytes(state, 3.0 * static_cast<double>(into.rows().size()) * sizeof(float), threads);
}

void normalise_state(benchmark::State& state) {
  const Partial<float> from = some_state(state.range(0), state.range(1));
  Matrix<float> out(state.range(0), state.range(1));
  for (auto _ : state) {
    normalise(from.rows(), out.view());
    benchmark::DoNotOptimize(out.data());
  }
  report_bytes(state, 2.0 * static_cast<double>(out.size()) * sizeof(float));
}

template <class T>
void second_moments(benchmark::State& state) {
  const std::int64_t m = state.range(0), d = state.range(1);
  const Threads threads(static_cast<int>(state.range(2)));
  Matrix<T> rows(m, d);
  for (std::int64_t i = 0; i < rows.size(); ++i) rows.data()[i] = static_cast<T>(static_cast<float>(i % 13) - 6);
  const std::vector<Accumulator<T>> weights(static_cast<std::size_t>(m), 1);
  Matrix<Accumulator<T>> out(d, d);
  const double before = fma_rate<Accumulator<T>>(threads, 0.1);
  for (auto _ : state) {
    moments<T>(rows.view(), rows.view(), weights, out.view(), threads);
    benchmark::DoNotOptimize(out.data());
  }
  const double peak = (before + fma_rate<Accumulator<T>>(threads, 0.1)) / 2;
  const double flops = 2.0 * static_cast<double>(m * d * d);
  using benchmark::Counter;
  state.counters["FLOP/s"] = Counter(flops, Counter::kIsIterationInvariantRate);
  state.counters["of_FMA"] = Counter(flops / peak, Counter::kIsIterationInvariantRate);
}

BENCHMARK(merge_states)
    ->ArgNames({"queries", "d", "threads"})
    ->Args({512, 64, 1})
    ->Args({1 << 20, 64, 1})
    ->Args({1 << 20, 64, 2})
    ->UseRealTime();
BENCHMARK(add_states)
    ->ArgNames({"queries", "d", "threads"})
    ->Args({1 << 20, 64, 1})
    ->Args({1 << 20, 64, 2})
    ->UseRealTime();
BENCHMARK(normalise_state)->ArgNames({"queries", "d"})->Args({512, 64})->Args({65536, 64});
BENCHMARK(second_moments<float>)
    ->ArgNames({"m", "d", "threads"})
    ->Args({65536, 64, 1})
    ->Args({65536, 256, 1})
    ->Args({65536, 256, 2})
    ->UseRealTime();
BENCHMARK(second_moments<Bf16>)->ArgNames({"m", "d", "threads"})->Args({65536, 256, 1})->UseRealTime();

}  // namespace
}  // namespace knowscale

BENCHMARK_MAIN();

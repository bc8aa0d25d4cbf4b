// SPDX-License-Identifier: BSD-3-Clause
// Kernels on one rank: rates, and the fractions of the FMA and of the read rate that are measured in the same process
// before and after each case (machines are shared: compare fractions, not times). Names are
// kernel/format/heads x n x m x d/threads.
//   bench_attention --benchmark_filter=simd/f32 --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "core/random.hpp"
#include "kernels/blas/gemm.hpp"
#include "kernels/ceilings.hpp"
#include "kernels/kernel.hpp"
#include "kernels/partial.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

struct Size {
  std::int64_t heads, n, m, d;
};

// Many queries of one head and of several, a long sequence against itself, few queries, a width between powers of 2.
constexpr Size kSizes[] = {{1, 512, 65536, 64},  {1, 512, 32768, 128}, {8, 512, 8192, 64},
                           {1, 2048, 2048, 64},  {1, 512, 65536, 80},  {1, 512, 65536, 96},
                           {1, 16, 1 << 20, 64}, {1, 4, 1 << 20, 64},  {1, 1, 1 << 20, 64}};

template <class T>
Matrix<T> random_matrix(std::int64_t rows, std::int64_t cols, Draw draw, const Threads& threads) {
  Matrix<T> matrix(rows, cols);
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    std::vector<double> row(static_cast<std::size_t>(cols));
    const RowRange mine = row_range(rows, threads.count(), part);
    for (std::int64_t i = mine.begin; i < mine.end; ++i) {
      fill_normal(1, draw, i, row);
      for (std::int64_t j = 0; j < cols; ++j) matrix(i, j) = static_cast<T>(row[static_cast<std::size_t>(j)]);
    }
  });
  return matrix;
}

// FLOP/s of the format's products and bytes/s of a plain read, now.
struct Rates {
  double fma, read;
};
template <class T>
Rates measure_rates(const Threads& threads, const Matrix<double>& buffer) {
  using Computed = std::conditional_t<std::is_same_v<T, F16>, float, T>;
  return {fma_rate<Computed>(threads, 0.1), read_rate(threads, buffer.span(), 0.1)};
}

template <class T>
void attention(benchmark::State& state, const Kernel& kernel, Size size, int thread_count) {
  const Threads threads(thread_count);
  const HeadShape shape = {size.heads, size.heads, size.d, size.d};
  const std::int64_t width = size.heads * size.d;
  const Matrix<T> queries = random_matrix<T>(size.n, width, Draw::queries, threads);
  const Matrix<T> keys = random_matrix<T>(size.m, width, Draw::keys, threads);
  const Matrix<T> values = random_matrix<T>(size.m, width, Draw::values, threads);
  const double scale = 1 / std::sqrt(static_cast<double>(size.d));
  Partial<Accumulator<T>> out(size.n, shape);
  // Much larger than the last level of cache, of which a cyclic reader would otherwise find a part.
  Matrix<double> buffer(1, last_level_cache_bytes() * 16 / static_cast<std::int64_t>(sizeof(double)));
  std::fill_n(buffer.data(), buffer.size(), 1.0);
  const Rates before = measure_rates<T>(threads, buffer);
  for (auto _ : state) {
    kernel.compute({queries.view(), keys.view(), values.view(), shape, scale}, out.rows(), threads);
    benchmark::DoNotOptimize(out.rows().data);
  }
  const Rates after = measure_rates<T>(threads, buffer);
  const double flops = 4.0 * static_cast<double>(size.heads * size.n * size.m * size.d);
  const double bytes = static_cast<double>((keys.size() + values.size()) * static_cast<std::int64_t>(sizeof(T)));
  using benchmark::Counter;
  const auto rate = [&](const char* name, double amount) {
    state.counters[name] = Counter(amount, Counter::kIsIterationInvariantRate);
  };
  rate("FLOP/s", flops);
  rate("B/s", bytes);
  rate("of_FMA", flops / ((before.fma + after.fma) / 2));
  rate("of_read", bytes / ((before.read + after.read) / 2));
}

template <class T>
void register_all() {
  for (const Kernel& kernel : kernels_of(precision_of<T>)) {
    if (kernel.name == "reference") continue;
    for (const Size size : kSizes) {
      for (const int threads : {1, 2}) {
        const std::string name = std::string(kernel.name) + '/' + std::string(name_of(precision_of<T>)) + '/' +
                                 std::to_string(size.heads) + 'x' + std::to_string(size.n) + 'x' +
                                 std::to_string(size.m) + 'x' + std::to_string(size.d) +
                                 "/threads:" + std::to_string(threads);
        benchmark::RegisterBenchmark(name.c_str(), attention<T>, kernel, size, threads)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
}

}  // namespace
}  // namespace knowscale

int main(int argc, char** argv) {
  if (const std::string warning = knowscale::blas::narrow_code_path(); !warning.empty()) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
  for (const knowscale::Precision precision : knowscale::kPrecisions) {
    knowscale::with_type_of(precision, []<class T>(T) { knowscale::register_all<T>(); });
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}

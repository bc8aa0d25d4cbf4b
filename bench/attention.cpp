// SPDX-License-Identifier: BSD-3-Clause
// Kernels on one rank: FLOP/s and the fraction of the FMA rate that is measured in the same process, before
// and after each case (machines are shared: compare fractions, not times).
//   bench_attention --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "kernels/attention.hpp"
#include "kernels/blas/gemm.hpp"
#include "kernels/ceilings.hpp"

namespace knowscale {
namespace {

struct Size {
  std::int64_t n, m, d;
};

template <class T>
Matrix<T> random_matrix(std::int64_t rows, std::int64_t cols, Stream stream) {
  Matrix<T> matrix(rows, cols);
  std::vector<double> row(static_cast<std::size_t>(cols));
  for (std::int64_t i = 0; i < rows; ++i) {
    fill_normal(1, stream, i, row);
    for (std::int64_t j = 0; j < cols; ++j) matrix(i, j) = static_cast<T>(row[static_cast<std::size_t>(j)]);
  }
  return matrix;
}

template <class T>
void attention(benchmark::State& state, const Kernel<T>& kernel, Size size, int thread_count) {
  const Threads threads(thread_count);
  const HeadShape shape = {1, 1, size.d, size.d};
  const Matrix<T> queries = random_matrix<T>(size.n, size.d, Stream::queries);
  const Matrix<T> keys = random_matrix<T>(size.m, size.d, Stream::keys);
  const Matrix<T> values = random_matrix<T>(size.m, size.d, Stream::values);
  const double scale = 1 / std::sqrt(static_cast<double>(size.d));
  Partial<T> out(size.n, shape);
  const double before = fma_rate<T>(threads, 0.1);
  for (auto _ : state) {
    kernel.compute({queries.view(), keys.view(), values.view(), shape, scale}, out, threads);
    benchmark::DoNotOptimize(out.rows().data);
  }
  const double peak = (before + fma_rate<T>(threads, 0.1)) / 2;
  const double flops = 4.0 * static_cast<double>(size.n * size.m * size.d);
  using benchmark::Counter;
  state.counters["FLOP/s"] = Counter(flops, Counter::kIsIterationInvariantRate);
  state.counters["of_FMA"] = Counter(flops / peak, Counter::kIsIterationInvariantRate);
}

template <class T>
void register_all(const char* precision) {
  for (const Kernel<T>& kernel : kernels<T>()) {
    if (kernel.name == "reference") continue;
    for (const Size size :
         {Size{512, 65536, 64}, {512, 32768, 128}, {2048, 2048, 64}, {16, 131072, 64}, {1, 131072, 64}}) {
      for (const int threads : {1, 2}) {
        const std::string name = std::string(kernel.name) + '/' + precision + '/' + std::to_string(size.n) + "x" +
                                 std::to_string(size.m) + "x" + std::to_string(size.d) +
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
  knowscale::register_all<float>("f32");
  knowscale::register_all<double>("f64");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}

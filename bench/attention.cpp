// SPDX-License-Identifier: BSD-3-Clause
// Kernels on one rank: rates, and fractions of the FMA and of the read rate, medians over the repetitions, each held
// against the rates of the milliseconds right before and after it: machines are shared, and what else runs there comes
// and goes within seconds (compare fractions, not times). of_FMA_best and of_read_best: the tenth of the repetitions
// that nothing disturbed. Names are kernel/format/heads x n x m x d/threads.
//   bench_attention --benchmark_filter=simd/f32 --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "core/random.hpp"
#include "core/statistics.hpp"
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
constexpr Size kSizes[] = {{1, 512, 65536, 64}, {1, 512, 32768, 128}, {8, 512, 8192, 64},   {1, 2048, 2048, 64},
                           {1, 512, 65536, 80}, {1, 512, 65536, 96},  {1, 16, 1 << 20, 64}, {1, 4, 1 << 20, 64},
                           {1, 1, 1 << 20, 64}, {1, 4, 1 << 20, 128}, {1, 1, 1 << 20, 128}};

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

// Keys or values as the format has them.
template <class T>
class Rows {
 public:
  Rows(Precision precision, const Size& size, Draw draw, const Threads& threads) {
    numbers_ = random_matrix<T>(size.m, size.heads * size.d, draw, threads);
    view_ = numbers_.view();
    if constexpr (std::is_same_v<T, float>) {
      if (!in_bytes(precision)) return;
      const ByteLayout layout = {precision, size.heads, size.d};
      bytes_ = ByteMatrix(layout, Matrix<std::uint8_t>(size.m, layout.record_bytes()));
      threads.parallel_for(threads.count(), [&](std::int64_t part) {
        const RowRange mine = row_range(size.m, threads.count(), part);
        for (std::int64_t i = mine.begin; i < mine.end; ++i) bytes_.set_row(i, numbers_.row(i));
      });
      numbers_ = {};
      view_ = bytes_.view();
    }
  }
  const StoredRows<T>& view() const { return view_; }

 private:
  Matrix<T> numbers_;
  ByteMatrix bytes_;
  StoredRows<T> view_;
};

// FLOP/s of the format's products and bytes/s of a plain read, now.
struct Rates {
  double fma, read;
};
template <class T>
class RatesNow {
 public:
  explicit RatesNow(const Threads& threads) : threads_(threads) { std::fill_n(buffer_.data(), buffer_.size(), 1.0); }
  Rates measure() {
    constexpr double kSeconds = 1e-3;
    using Computed = std::conditional_t<std::is_same_v<T, F16>, float, T>;
    const std::span<const double> part =
        std::as_const(buffer_).span().subspan(static_cast<std::size_t>(at_), static_cast<std::size_t>(part_));
    at_ = (at_ + part_) % buffer_.size();
    return {fma_rate<Computed>(threads_, kSeconds), read_rate(threads_, part, kSeconds)};
  }

 private:
  static constexpr std::int64_t kParts = 8;
  const Threads& threads_;
  // Read part after part, each of twice the last level of cache: none of it is there when its turn comes again.
  std::int64_t part_ = 2 * last_level_cache_bytes() / static_cast<std::int64_t>(sizeof(double)), at_ = 0;
  Matrix<double> buffer_{1, kParts* part_};
};

template <class T>
void attention(benchmark::State& state, const Kernel& kernel, Precision precision, Size size, int thread_count) {
  const Threads threads(thread_count);
  const HeadShape shape = {size.heads, size.heads, size.d, size.d};
  const std::int64_t width = size.heads * size.d;
  const Matrix<T> queries = random_matrix<T>(size.n, width, Draw::queries, threads);
  const Rows<T> keys(precision, size, Draw::keys, threads), values(precision, size, Draw::values, threads);
  const double scale = 1 / std::sqrt(static_cast<double>(size.d));
  Partial<Accumulator<T>> out(size.n, shape);
  const double flops = 4.0 * static_cast<double>(size.heads * size.n * size.m * size.d);
  const auto bytes = static_cast<double>(keys.view().stored_bytes() + values.view().stored_bytes());
  RatesNow<T> rates(threads);
  std::vector<double> of_fma, of_read;
  Rates before = rates.measure();
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    kernel.compute({queries.view(), keys.view(), values.view(), shape, scale}, out.rows(), threads);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    benchmark::DoNotOptimize(out.rows().data);
    state.SetIterationTime(seconds);
    const Rates after = rates.measure();
    of_fma.push_back(flops / seconds / ((before.fma + after.fma) / 2));
    of_read.push_back(bytes / seconds / ((before.read + after.read) / 2));
    before = after;
  }
  using benchmark::Counter;
  const auto rate = [&](const char* name, double amount) {
    state.counters[name] = Counter(amount, Counter::kIsIterationInvariantRate);
  };
  rate("FLOP/s", flops);
  rate("B/s", bytes);
  for (const auto& [name, fractions] : {std::pair("of_FMA", &of_fma), std::pair("of_read", &of_read)}) {
    state.counters[name] = quantile(*fractions, 0.5);
    state.counters[std::string(name) + "_best"] = quantile(*fractions, 0.9);
  }
}

template <class T>
void register_all(Precision precision) {
  for (const Kernel& kernel : kernels_of(precision)) {
    if (kernel.name == "reference") continue;
    for (const Size size : kSizes) {
      for (const int threads : {1, 2}) {
        const std::string name = std::string(kernel.name) + '/' + std::string(name_of(precision)) + '/' +
                                 std::to_string(size.heads) + 'x' + std::to_string(size.n) + 'x' +
                                 std::to_string(size.m) + 'x' + std::to_string(size.d) +
                                 "/threads:" + std::to_string(threads);
        benchmark::RegisterBenchmark(name.c_str(), attention<T>, kernel, precision, size, threads)
            ->UseManualTime()
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
    knowscale::with_type_of(precision, [&]<class T>(T) { knowscale::register_all<T>(precision); });
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}

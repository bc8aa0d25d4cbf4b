// SPDX-License-Identifier: BSD-3-Clause
// The LSTM layer on T = 512 steps with D = H, as in bench/peers/lstm.py: FLOP/s by 8 H (D + H) T B, and its
// fraction of the FMA rate of as many threads, measured in the same process just before. The bound in f32 with
// H = 256, B = 8 on a core of 260 GF/s: 4.3 GF, 16.5 ms; from B = 1 on, each step also reads the recurrent
// weights (1 MiB: 2.1 ms by 64 bytes per cycle from L2).
#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>

#include "kernels/ceilings.hpp"
#include "kernels/lstm/lstm.hpp"

namespace knowscale {
namespace {

constexpr std::int64_t kSteps = 512;

template <class T>
Matrix<T> random_matrix(std::int64_t rows, std::int64_t cols, double size) {
  std::mt19937_64 engine(static_cast<unsigned>(rows + cols));
  std::uniform_real_distribution<double> uniform(-size, size);
  Matrix<T> matrix(rows, cols);
  for (T& x : matrix.span()) x = static_cast<T>(uniform(engine));
  return matrix;
}

// A layer of H units, its inputs and its state for B sequences, from the arguments (H, B, threads).
template <class T>
struct Case {
  explicit Case(const benchmark::State& arguments)
      : hidden(arguments.range(0)),
        batch(arguments.range(1)),
        threads(static_cast<int>(arguments.range(2))),
        size(1 / std::sqrt(static_cast<double>(hidden))),
        lstm({random_matrix<T>(hidden, 4 * hidden, size), random_matrix<T>(hidden, 4 * hidden, size),
              random_matrix<T>(1, 4 * hidden, size)}),
        inputs(random_matrix<T>(kSteps * batch, hidden, 1)),
        projected(random_matrix<T>(kSteps * batch, 4 * hidden, 1)),
        state{random_matrix<T>(batch, hidden, 1), random_matrix<T>(batch, hidden, 1)} {}

  // FLOPs of the products of all steps with one H x 4H matrix.
  double product_flops() const { return 8.0 * static_cast<double>(hidden * hidden * kSteps * batch); }

  std::int64_t hidden, batch;
  Threads threads;
  double size;  // of the weights
  Lstm<T> lstm;
  Matrix<T> inputs, projected;
  LstmState<T> state;
};

template <class T, class Work>
void measure(benchmark::State& state, const Threads& threads, double flops, const Work& work) {
  const double peak = fma_rate<T>(threads, 0.05);
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) work();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double rate = flops * static_cast<double>(state.iterations()) / seconds;
  state.counters["FLOP/s"] = rate;
  state.counters["of_fma"] = rate / peak;
}

template <class T>
void forward(benchmark::State& state) {
  Case<T> c(state);
  measure<T>(state, c.threads, 2 * c.product_flops(), [&] {
    c.lstm.project(c.inputs.view(), c.projected.view(), c.threads);
    c.lstm.advance(c.projected.view(), c.state, c.threads);
  });
}

template <class T>
void project(benchmark::State& state) {
  Case<T> c(state);
  measure<T>(state, c.threads, c.product_flops(),
             [&] { c.lstm.project(c.inputs.view(), c.projected.view(), c.threads); });
}

template <class T>
void advance(benchmark::State& state) {
  Case<T> c(state);
  measure<T>(state, c.threads, c.product_flops(), [&] { c.lstm.advance(c.projected.view(), c.state, c.threads); });
}

// Also multiplies by the readout, H x D: a quarter of a product more.
template <class T>
void decode_steps(benchmark::State& state) {
  Case<T> c(state);
  const PackedMatrix<T> readout(random_matrix<T>(c.hidden, c.hidden, c.size).view());
  measure<T>(state, c.threads, 2.25 * c.product_flops(),
             [&] { decode(c.lstm, readout, c.state, c.inputs.view(), c.threads); });
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"H", "B", "threads"})->ArgsProduct({{256, 1024}, {1, 8, 32}, {1, 2}});
  bench->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(forward<float>)->Apply(shapes);
BENCHMARK(forward<double>)->Apply(shapes);
BENCHMARK(project<float>)->Apply(shapes);
BENCHMARK(advance<float>)->Apply(shapes);
BENCHMARK(decode_steps<float>)->Apply(shapes);

}  // namespace
}  // namespace knowscale

BENCHMARK_MAIN();

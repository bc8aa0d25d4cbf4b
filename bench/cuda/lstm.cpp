// SPDX-License-Identifier: BSD-3-Clause
// An LSTM layer that reads T steps of B sequences, D = H: ours by cuBLAS and a kernel of gates, and cuDNN's where this
// build has it. In the table n is T, m is B, d is H. The first steps of some sequences are checked in f64.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <random>
#include <span>
#include <thread>

#include "bench.hpp"
#include "core/error.hpp"
#include "kernels/cuda/ceilings/streams.hpp"
#include "kernels/cuda/lstm/cudnn.hpp"
#include "kernels/cuda/lstm/lstm.hpp"

namespace knowscale::cuda::bench {
namespace {

constexpr std::int64_t kCheckedSteps = 32;
constexpr std::int64_t kCheckedSequences = 2;

// Of size 1 / sqrt(H), so that states neither die nor saturate.
Matrix<float> random_weights(std::int64_t rows, std::int64_t cols, std::int64_t hidden, unsigned seed) {
  std::mt19937 engine(seed);
  const float size = 1 / std::sqrt(static_cast<float>(hidden));
  std::uniform_real_distribution<float> uniform(-size, size);
  Matrix<float> matrix(rows, cols);
  for (float& x : matrix.span()) x = uniform(engine);
  return matrix;
}

using Vector = std::vector<double>;

// sums += x M.
void add_product(std::span<const double> x, const Matrix<float>& m, Vector& sums) {
  for (std::int64_t k = 0; k < m.rows(); ++k) {
    const double factor = x[static_cast<std::size_t>(k)];
    for (std::size_t j = 0; j < sums.size(); ++j) sums[j] += factor * static_cast<double>(m.row(k)[j]);
  }
}

// The hidden state of sequence b after the checked steps.
Vector reference_state(const LstmWeights<float>& weights, const Matrix<float>& inputs, std::int64_t batch,
                       std::int64_t b) {
  const auto units = static_cast<std::size_t>(weights.hidden());
  const auto sigma = [](double z) { return 1 / (1 + std::exp(-z)); };
  Vector hidden(units, 0.0), cell(units, 0.0), x(static_cast<std::size_t>(inputs.cols()));
  for (std::int64_t step = 0; step < inputs.rows() / batch; ++step) {
    std::copy_n(inputs.row(step * batch + b), inputs.cols(), x.begin());
    Vector gates(weights.bias.data(), weights.bias.data() + 4 * weights.hidden());
    add_product(x, weights.input, gates);
    add_product(hidden, weights.recurrent, gates);
    for (std::size_t j = 0; j < units; ++j) {
      cell[j] = sigma(gates[units + j]) * cell[j] + sigma(gates[j]) * std::tanh(gates[2 * units + j]);
      hidden[j] = sigma(gates[3 * units + j]) * std::tanh(cell[j]);
    }
  }
  return hidden;
}

struct Layer {
  std::string kernel, precision;
  double flop_rate;
  double error_bound;
  std::function<void(std::int64_t steps)> read;  // from the state that is there
};

// Inputs of all steps, and the state that layers advance.
class Batch {
 public:
  Batch(const Bench& bench, const Shape& shape)
      : shape_(shape), inputs_(shape.n * shape.m * shape.d), hidden_(shape.m * shape.d), cell_(shape.m * shape.d) {
    fill_random(inputs_.data(), inputs_.count(), 1, bench.stream());
  }

  MatrixView<const float> inputs(std::int64_t steps) const {
    return {inputs_.data(), steps * shape_.m, shape_.d, shape_.d};
  }
  DeviceLstmState<float> state() {
    return {{hidden_.data(), shape_.m, shape_.d, shape_.d}, {cell_.data(), shape_.m, shape_.d, shape_.d}};
  }
  void clear(const Stream& stream) {
    for (DeviceBuffer<float>* part : {&hidden_, &cell_}) {
      check(cudaMemsetAsync(part->data(), 0, static_cast<std::size_t>(part->count()) * sizeof(float), stream),
            "cudaMemsetAsync");
    }
  }
  std::vector<std::int64_t> active(std::int64_t steps) const {
    return std::vector<std::int64_t>(static_cast<std::size_t>(steps), shape_.m);
  }

 private:
  Shape shape_;
  DeviceBuffer<float> inputs_, hidden_, cell_;
};

// Sums of D + H numbers; 11 bits of factors where they are rounded to tf32.
double error_bound_of(Products products, const Shape& shape) {
  return (products == Products::tf32 ? 0x1p-7 : 0x1p-17) * std::sqrt(static_cast<double>(shape.d) / 256 + 1);
}

class Layers {
 public:
  Layers(const Bench& bench, const Shape& shape, const LstmWeights<float>& weights, Batch& batch)
      : bench_(bench), shape_(shape), weights_(weights), batch_(batch), projected_(shape.n * shape.m * 4 * shape.d) {
    add_ours("cublas", Products::exact);
    add_ours("cublas_tf32", Products::tf32);
    add_cudnn("cudnn", {});
    add_cudnn("cudnn_tf32", {.products = Products::tf32});
    add_cudnn("cudnn_persistent", {.persistent = true});
  }

  const std::vector<Layer>& all() const { return layers_; }

 private:
  double rate_of(Products products) const { return products == Products::tf32 ? bench_.rates.tf32 : bench_.rates.f32; }

  void add_ours(std::string kernel, Products products) {
    ours_.push_back(std::make_unique<DeviceLstm<float>>(bench_.device.blas(), weights_, products));
    DeviceLstm<float>& lstm = *ours_.back();
    layers_.push_back(
        {std::move(kernel), "f32", rate_of(products), error_bound_of(products, shape_),
         [this, &lstm](std::int64_t steps) {
           const MatrixView<float> gates = {projected_.data(), steps * shape_.m, 4 * shape_.d, 4 * shape_.d};
           lstm.project(batch_.inputs(steps), gates);
           lstm.advance(gates, batch_.state());
         }});
  }

  // Sizes that it does not keep on the multiprocessors are no error here.
  void add_cudnn(std::string kernel, const CudnnOptions& options) {
    std::unique_ptr<CudnnLstm> lstm;
    try {
      lstm = cudnn_lstm(bench_.stream(), weights_, options);
      if (lstm == nullptr) return;
      batch_.clear(bench_.stream());
      lstm->advance(batch_.inputs(1), batch_.active(1), batch_.state());
      bench_.stream().wait();
    } catch (const Error& error) {
      if (!options.persistent) throw;
      std::fprintf(stderr, "bench_cuda: %s left out: %s\n", kernel.c_str(), error.what());
      return;
    }
    cudnn_.push_back(std::move(lstm));
    CudnnLstm& layer = *cudnn_.back();
    layers_.push_back({std::move(kernel), "f32", rate_of(options.products), error_bound_of(options.products, shape_),
                       [this, &layer](std::int64_t steps) {
                         layer.advance(batch_.inputs(steps), batch_.active(steps), batch_.state());
                       }});
  }

  const Bench& bench_;
  Shape shape_;
  const LstmWeights<float>& weights_;
  Batch& batch_;
  DeviceBuffer<float> projected_;
  std::vector<std::unique_ptr<DeviceLstm<float>>> ours_;
  std::vector<std::unique_ptr<CudnnLstm>> cudnn_;
  std::vector<Layer> layers_;
};

std::vector<Vector> reference_states(const LstmWeights<float>& weights, const Matrix<float>& inputs,
                                     std::int64_t batch) {
  std::vector<Vector> states(static_cast<std::size_t>(std::min(kCheckedSequences, batch)));
  std::vector<std::jthread> threads;
  for (std::size_t b = 0; b < states.size(); ++b) {
    threads.emplace_back([&, b] { states[b] = reference_state(weights, inputs, batch, static_cast<std::int64_t>(b)); });
  }
  threads.clear();  // waits for them
  return states;
}

std::vector<Row> run(const Bench& bench, const std::string& group, const Shape& shape) {
  const std::int64_t hidden = shape.d, steps = std::min(kCheckedSteps, shape.n);
  const LstmWeights<float> weights = {random_weights(hidden, 4 * hidden, hidden, 1),
                                      random_weights(hidden, 4 * hidden, hidden, 2),
                                      random_weights(1, 4 * hidden, hidden, 3)};
  Batch batch(bench, shape);
  const MatrixView<const float> checked = batch.inputs(steps);
  const Matrix<float> inputs = download(checked.data, checked.rows, checked.cols, bench.stream());
  const std::vector<Vector> expected = reference_states(weights, inputs, shape.m);
  const Layers layers(bench, shape, weights, batch);

  const double step_numbers = static_cast<double>(shape.m * hidden), all_steps = static_cast<double>(shape.n);
  const double weight_bytes = 4 * 8.0 * static_cast<double>(hidden * hidden);
  std::vector<Row> rows;
  std::vector<std::function<void(int)>> works;
  for (const Layer& layer : layers.all()) {
    batch.clear(bench.stream());
    layer.read(steps);
    const Matrix<float> state = download(batch.state().hidden.data, shape.m, hidden, bench.stream());
    RelativeError error;
    for (std::size_t b = 0; b < expected.size(); ++b) {
      for (std::size_t j = 0; j < expected[b].size(); ++j) {
        error.add(static_cast<double>(state.row(static_cast<std::int64_t>(b))[j]), expected[b][j]);
      }
    }
    const Work work = {16 * all_steps * step_numbers * static_cast<double>(hidden),
                       4 * all_steps * step_numbers + weight_bytes, layer.flop_rate};
    rows.push_back({group,
                    layer.kernel,
                    layer.precision,
                    shape,
                    {},
                    work,
                    all_finite(state) ? error.value() : std::nan(""),
                    layer.error_bound});
    works.push_back([&layer, &shape](int) { layer.read(shape.n); });
  }
  std::vector<std::vector<double>> seconds = seconds_in_turns(bench, works);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].seconds = std::move(seconds[i]);
  return rows;
}

}  // namespace

std::vector<Group> lstm_groups(const Options& options) {
  std::vector<Group> groups;
  for (const std::int64_t hidden : {256, 1024}) {
    for (const std::int64_t batch : {8, 64}) {
      const Shape shape = options.quick ? Shape{6, batch / 8, 1, 1, hidden / 64} : Shape{512, batch, 1, 1, hidden};
      const std::string name = "lstm/" + std::to_string(hidden) + "x" + std::to_string(batch);
      groups.push_back({name, [=](const Bench& bench) { return run(bench, name, shape); }});
    }
  }
  return groups;
}

}  // namespace knowscale::cuda::bench

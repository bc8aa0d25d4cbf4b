// SPDX-License-Identifier: BSD-3-Clause
// Attention of device memory to a state: the fused kernels, and beside them two products of cuBLAS with an online
// softmax between them. Sampled rows are computed again on the host in f64.
#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

#include "bench.hpp"
#include "kernels/cuda/attention/fused.hpp"
#include "kernels/cuda/attention/two_products.hpp"
#include "kernels/cuda/ceilings/streams.hpp"
#include "kernels/reference/row.hpp"

namespace knowscale::cuda::bench {
namespace {

constexpr double kLog2e = 1.4426950408889634;

// Queries, and several sets of keys and values, of which repetition i takes one.
template <class T>
class Inputs {
 public:
  Inputs(const Bench& bench, const Shape& shape)
      : shape_(shape),
        sets_(input_sets(bench, 2 * shape.m * key_width() * static_cast<std::int64_t>(sizeof(T)))),
        queries_(shape.n * query_width()),
        keys_(sets_ * set_size()),
        values_(sets_ * set_size()),
        out_(out_rows() * (shape.d + 2)) {
    fill_random(queries_.data(), queries_.count(), 1, bench.stream());
    fill_random(keys_.data(), keys_.count(), 2, bench.stream());
    fill_random(values_.data(), values_.count(), 3, bench.stream());
  }

  std::int64_t query_width() const { return shape_.heads * shape_.d; }
  std::int64_t key_width() const { return shape_.kv_heads * shape_.d; }
  std::int64_t out_rows() const { return shape_.n * shape_.heads; }
  double scale() const { return 1 / std::sqrt(static_cast<double>(shape_.d)); }
  float* out() { return out_.data(); }
  std::int64_t out_bytes() const { return out_.count() * static_cast<std::int64_t>(sizeof(float)); }

  AttentionTask<T> task(int repetition) {
    AttentionTask<T> task;
    task.queries = queries_.data();
    task.keys = keys_.data() + repetition % sets_ * set_size();
    task.values = values_.data() + repetition % sets_ * set_size();
    task.query_stride = query_width();
    task.key_stride = task.value_stride = key_width();
    task.query_count = static_cast<int>(shape_.n);
    task.key_count = static_cast<int>(shape_.m);
    task.kv_heads = static_cast<int>(shape_.kv_heads);
    task.group = static_cast<int>(shape_.heads / shape_.kv_heads);
    task.scale_log2 = static_cast<float>(scale() * kLog2e);
    task.causal = shape_.causal;
    task.value_dim = static_cast<int>(shape_.d);
    task.out = out_.data();
    return task;
  }

  // The first set on the host.
  struct Host {
    Matrix<T> queries, keys, values;
  };
  Host host(const Stream& stream) const {
    return {download(queries_.data(), shape_.n, query_width(), stream),
            download(keys_.data(), shape_.m, key_width(), stream),
            download(values_.data(), shape_.m, key_width(), stream)};
  }

 private:
  std::int64_t set_size() const { return shape_.m * key_width(); }

  Shape shape_;
  int sets_;
  DeviceBuffer<T> queries_, keys_, values_;
  DeviceBuffer<float> out_;
};

// Some rows of the state, from the first to the last, in f64.
struct Samples {
  std::vector<std::int64_t> rows;
  std::vector<std::vector<double>> outputs;  // [o / l | lse]
};

template <class T>
Samples reference_rows(const typename Inputs<T>::Host& host, const Shape& shape, double scale) {
  constexpr std::int64_t long_row = 1 << 20;  // keys: seconds of a core
  const std::int64_t rows = shape.n * shape.heads, count = std::min<std::int64_t>(rows, shape.m > long_row ? 4 : 16);
  Samples samples;
  for (std::int64_t i = 0; i < count; ++i) samples.rows.push_back(count == 1 ? 0 : i * (rows - 1) / (count - 1));
  samples.outputs.resize(samples.rows.size());
  AttentionInput<T> input = {host.queries.view(),
                             host.keys.view(),
                             host.values.view(),
                             {shape.heads, shape.kv_heads, shape.d, shape.d},
                             scale};
  input.mask.causal = shape.causal;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < samples.rows.size(); ++i) {
    threads.emplace_back([&, i] {
      std::vector<float> state(static_cast<std::size_t>(shape.d) + 2);
      reference::compute_row(input, samples.rows[i] / shape.heads, samples.rows[i] % shape.heads, state.data());
      const double total = static_cast<double>(state[static_cast<std::size_t>(shape.d)]);
      std::vector<double>& output = samples.outputs[i];
      for (std::int64_t c = 0; c < shape.d; ++c)
        output.push_back(static_cast<double>(state[static_cast<std::size_t>(c)]) / total);
      output.push_back(static_cast<double>(state.back()) + std::log(total));
    });
  }
  threads.clear();  // waits for them
  return samples;
}

// The largest of the rows' errors: of the output relative to its size, of the lse as it is. Infinite where a number of
// the state, sampled or not, was not written.
double error_of(const Matrix<float>& state, const Samples& samples) {
  if (!all_finite(state)) return std::numeric_limits<double>::infinity();
  double largest = 0;
  const std::int64_t d = state.cols() - 2;
  for (std::size_t i = 0; i < samples.rows.size(); ++i) {
    const float* row = state.row(samples.rows[i]);
    const double total = static_cast<double>(row[d]);
    RelativeError output;
    for (std::int64_t c = 0; c < d; ++c) {
      output.add(static_cast<double>(row[c]) / total, samples.outputs[i][static_cast<std::size_t>(c)]);
    }
    const double lse = static_cast<double>(row[d + 1]) + std::log(total);
    for (const double error : {output.value(), std::abs(lse - samples.outputs[i].back())}) {
      if (!(error <= largest)) largest = error;  // NaN too
    }
  }
  return largest;
}

// Roundings of scores and of weights (cuda/kernels.cpp), four times what they are: those of a row are independent, and
// their sum is rarely above one. Sums of m numbers in f32 round off like a walk of m steps; matrix units cut off rather
// than round, for which 16 stands.
double error_bound_of(double roundings, std::int64_t m) {
  return 4 * roundings + 16 * 0x1p-24 * std::sqrt(static_cast<double>(m));
}

template <class T>
struct Contender {
  std::string kernel;
  double flop_rate;
  double roundings;
  std::function<void(const AttentionTask<T>&)> attend;
};

template <class T>
std::vector<Contender<T>> contenders(const Bench& bench, const Shape& shape, DeviceBuffer<float>& parts,
                                     ProductTiles<T>& tiles) {
  const PaddedWidths widths = padded_widths(shape.d, shape.d);
  const int d = static_cast<int>(shape.d);
  const auto fused = [&bench, &parts, widths](const AttentionTask<T>& task) {
    attend_fused(task, widths, parts, bench.stream());
  };
  [[maybe_unused]] const auto by_products = [&bench, &tiles, widths, d](Products products) {
    return [&bench, &tiles, widths, d, products](const AttentionTask<T>& task) {
      attend_by_products(task, widths, d, {}, tiles, bench.device.blas(), products);
    };
  };
  const DeviceRates& rates = bench.rates;
  if constexpr (std::is_same_v<T, float>) {
    // The fused kernel multiplies numbers of f32 as three products of tf32.
    return {{"cuda", std::max(rates.f32, rates.tf32 / 3), 0x1p-21, fused},
            {"cublas", rates.f32, 0x1p-22, by_products(Products::exact)},
            {"cublas_tf32", rates.tf32, 0x1p-9, by_products(Products::tf32)}};
  } else if constexpr (std::is_same_v<T, Bf16>) {
    return {{"cuda", rates.bf16, weight_roundoff(Precision::bf16), fused},
            {"cublas", rates.bf16, weight_roundoff(Precision::bf16), by_products(Products::exact)}};
  } else {
    return {{"cuda", rates.f16, 0x1p-11, fused}};
  }
}

// 4 FLOPs for each number of a key that a query sees; a state is d + 2 numbers of f32.
template <class T>
Work work_of(const Shape& s, double flop_rate) {
  const double n = static_cast<double>(s.n), m = static_cast<double>(s.m), d = static_cast<double>(s.d);
  const double seen = s.causal ? n * (n + 1) / 2 : n * m, heads = static_cast<double>(s.heads);
  const double inputs = (n * heads + 2 * m * static_cast<double>(s.kv_heads)) * d * sizeof(T);
  return {4 * seen * d * heads, inputs + n * heads * (d + 2) * sizeof(float), flop_rate};
}

template <class T>
std::vector<Row> run(const Bench& bench, const std::string& group, const Shape& shape) {
  Inputs<T> inputs(bench, shape);
  DeviceBuffer<float> parts;
  ProductTiles<T> tiles;
  const std::vector<Contender<T>> all = contenders(bench, shape, parts, tiles);
  const Samples samples = reference_rows<T>(inputs.host(bench.stream()), shape, inputs.scale());
  std::vector<Row> rows;
  std::vector<std::function<void(int)>> works;
  for (const Contender<T>& one : all) {
    poison(inputs.out(), inputs.out_bytes(), bench.stream());
    one.attend(inputs.task(0));
    const Matrix<float> state = download(inputs.out(), inputs.out_rows(), shape.d + 2, bench.stream());
    rows.push_back({group,
                    one.kernel,
                    std::string(name_of(precision_of<T>)),
                    shape,
                    {},
                    work_of<T>(shape, one.flop_rate),
                    error_of(state, samples),
                    error_bound_of(one.roundings, shape.m)});
    works.push_back([&](int repetition) { one.attend(inputs.task(repetition)); });
  }
  std::vector<std::vector<double>> seconds = seconds_in_turns(bench, works);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].seconds = std::move(seconds[i]);
  return rows;
}

void add_group(std::vector<Group>& groups, std::string name, Precision precision, const Shape& shape) {
  name += "/" + std::string(name_of(precision));
  groups.push_back({name, [=](const Bench& bench) {
                      if (precision == Precision::f32) return run<float>(bench, name, shape);
                      return precision == Precision::bf16 ? run<Bf16>(bench, name, shape)
                                                          : run<F16>(bench, name, shape);
                    }});
}

}  // namespace

std::vector<Group> attention_groups(const Options& options) {
  std::vector<Group> groups;
  const std::int64_t length = options.quick ? 40 : 16384, heads = options.quick ? 2 : 16;
  for (const Precision precision : {Precision::bf16, Precision::f16, Precision::f32}) {
    for (const std::int64_t d : {64, 128, 256}) {
      if (options.quick && d > 64) continue;
      for (const bool causal : {false, true}) {
        const std::string name = std::string(causal ? "causal" : "forward") + "/" + std::to_string(d);
        add_group(groups, name, precision, {length, length, heads, heads, d, causal});
      }
    }
  }
  const std::int64_t shard = options.quick ? 300 : 1 << 22;
  for (const std::int64_t n : {1, 4, 16}) {
    add_group(groups, "decode/" + std::to_string(n), Precision::bf16, {n, shard, 1, 1, 128});
  }
  // Eight query heads a key/value head: the same bytes, in one and in eight heads.
  add_group(groups, "decode_gqa/8", Precision::bf16, {1, shard, 8, 1, 128});
  add_group(groups, "decode_gqa/64", Precision::bf16, {1, shard / 8, 64, 8, 128});
  for (const Precision precision : {Precision::bf16, Precision::f16, Precision::f32}) {
    for (const std::int64_t d : {64, 128}) {
      if (options.quick && d > 64) continue;
      const Shape shape = options.quick ? Shape{33, 130, 1, 1, d} : Shape{512, 65536, 1, 1, d};
      add_group(groups, "small/" + std::to_string(d), precision, shape);
    }
  }
  return groups;
}

}  // namespace knowscale::cuda::bench

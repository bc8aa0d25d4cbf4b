// SPDX-License-Identifier: BSD-3-Clause
// What else a rank does with its shard: states merged, second moments, the keys that queries attend to most.
#include <algorithm>
#include <cmath>
#include <utility>

#include "bench.hpp"
#include "kernels/cuda/attention/rows.hpp"
#include "kernels/cuda/ceilings/streams.hpp"
#include "kernels/cuda/moments/moments.hpp"
#include "kernels/cuda/top_keys/top_keys.hpp"

namespace knowscale::cuda::bench {
namespace {

constexpr std::int64_t kSampledRows = 4;

std::int64_t sampled(std::int64_t i, std::int64_t rows) { return i * (rows - 1) / (kSampledRows - 1); }

// What sums of m numbers in f32 may be off (attention.cpp).
double rounding_of_sums(std::int64_t m) { return 16 * 0x1p-24 * std::sqrt(static_cast<double>(m)); }

// `count` states of `rows` rows into one.
std::vector<Row> run_merge(const Bench& bench, const std::string& group, const Shape& shape, std::int64_t count) {
  const std::int64_t rows = shape.n, width = shape.d + 2, size = rows * width;
  DeviceBuffer<float> parts(count * size), out(size);
  fill_random(parts.data(), parts.count(), 1, bench.stream());
  poison(out.data(), size * 4, bench.stream());
  const auto merge = [&](int) { merge_parts(parts.data(), count, {out.data(), rows, width, width}, bench.stream()); };
  merge(0);
  const Matrix<float> from = download(parts.data(), count * rows, width, bench.stream());
  const Matrix<float> found = download(out.data(), rows, width, bench.stream());
  RelativeError error;
  for (std::int64_t i = 0; i < kSampledRows; ++i) {
    const std::int64_t row = sampled(i, rows);
    double maximum = -1e30;
    for (std::int64_t part = 0; part < count; ++part) {
      maximum = std::max(maximum, static_cast<double>(from(part * rows + row, shape.d + 1)));
    }
    for (std::int64_t j = 0; j <= shape.d; ++j) {
      double sum = 0;
      for (std::int64_t part = 0; part < count; ++part) {
        const float* state = from.row(part * rows + row);
        sum += std::exp(static_cast<double>(state[shape.d + 1]) - maximum) * static_cast<double>(state[j]);
      }
      error.add(static_cast<double>(found(row, j)), sum);
    }
    error.add(static_cast<double>(found(row, shape.d + 1)), maximum);
  }
  const Work work = {0, 4.0 * static_cast<double>((count + 1) * size), 0};
  const double finite = all_finite(found) ? 0 : std::nan("");
  return {{group, "cuda", "f32", shape, seconds_in_turns(bench, {merge})[0], work, error.value() + finite,
           rounding_of_sums(count * count)}};
}

template <class T>
RelativeError error_of_moments(const Matrix<T>& keys, const Matrix<T>& values, const Matrix<float>& weights,
                               const Matrix<float>& found) {
  RelativeError error;
  std::vector<double> sums(static_cast<std::size_t>(values.cols()));
  for (std::int64_t i = 0; i < kSampledRows; ++i) {
    const std::int64_t row = sampled(i, found.rows());
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::int64_t k = 0; k < keys.rows(); ++k) {
      const double factor = static_cast<double>(weights(0, k)) * static_cast<double>(keys(k, row));
      for (std::size_t j = 0; j < sums.size(); ++j) sums[j] += factor * static_cast<double>(values.row(k)[j]);
    }
    for (std::size_t j = 0; j < sums.size(); ++j) error.add(static_cast<double>(found.row(row)[j]), sums[j]);
  }
  return error;
}

// One view with itself, and two matrices.
template <class T>
std::vector<Row> run_moments(const Bench& bench, const std::string& group, const Shape& shape) {
  const std::int64_t m = shape.m, d = shape.d;
  DeviceBuffer<T> keys(m * d), values(m * d);
  DeviceBuffer<float> weights(m), out(d * d), scratch;
  fill_random(keys.data(), m * d, 1, bench.stream());
  fill_random(values.data(), m * d, 2, bench.stream());
  const MatrixView<const T> of_keys = {keys.data(), m, d, d}, of_values = {values.data(), m, d, d};
  moment_weights<T>(of_keys, MomentWeight::metric, weights.data(), bench.stream());
  const Matrix<T> host_keys = download(keys.data(), m, d, bench.stream());
  const Matrix<T> host_values = download(values.data(), m, d, bench.stream());
  const Matrix<float> host_weights = download(weights.data(), 1, m, bench.stream());
  std::vector<Row> rows;
  std::vector<std::function<void(int)>> works;
  for (const bool own : {true, false}) {
    const auto work = [&, own](int) {
      moments<T>({of_keys, own ? of_keys : of_values, weights.data()}, {out.data(), d, d, d}, scratch, bench.stream());
    };
    poison(out.data(), d * d * 4, bench.stream());
    work(0);
    const Matrix<float> found = download(out.data(), d, d, bench.stream());
    const double error = error_of_moments(host_keys, own ? host_keys : host_values, host_weights, found).value();
    const double numbers = static_cast<double>(m * d);
    const Work least = {numbers * static_cast<double>(own ? d + 1 : 2 * d),
                        numbers * static_cast<double>((own ? 1 : 2) * sizeof(T)) + 4.0 * static_cast<double>(m),
                        bench.rates.f32};
    rows.push_back({group,
                    own ? "cuda_symmetric" : "cuda_pair",
                    std::string(name_of(precision_of<T>)),
                    shape,
                    {},
                    least,
                    all_finite(found) ? error : std::nan(""),
                    rounding_of_sums(m)});
    works.push_back(work);
  }
  std::vector<std::vector<double>> seconds = seconds_in_turns(bench, works);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].seconds = std::move(seconds[i]);
  return rows;
}

// Keys of one query that are not where a sorted list has them: products of these formats are exact in f64.
template <class T>
double wrong_keys(const T* query, const Matrix<T>& keys, const TopKeys& found, std::int64_t row) {
  std::vector<TopKey> all(static_cast<std::size_t>(keys.rows()));
  for (std::int64_t k = 0; k < keys.rows(); ++k) {
    double sum = 0;
    for (std::int64_t c = 0; c < keys.cols(); ++c)
      sum += static_cast<double>(query[c]) * static_cast<double>(keys(k, c));
    all[static_cast<std::size_t>(k)] = {k, sum};
  }
  const auto kept = std::min(found.count, keys.rows());
  std::partial_sort(all.begin(), all.begin() + kept, all.end(), ranks_before);
  double wrong = 0;
  for (std::int64_t i = 0; i < kept; ++i) wrong += found.row(row)[i] == all[static_cast<std::size_t>(i)] ? 0 : 1;
  return wrong;
}

// The lists of ranges are merged on the host, and the time is that of all.
template <class T>
std::vector<Row> run_top_keys(const Bench& bench, const std::string& group, const Shape& shape) {
  constexpr std::int64_t kept = 10;
  const std::int64_t n = shape.n, m = shape.m, d = shape.d;
  DeviceBuffer<T> queries(n * d), keys(m * d);
  fill_random(queries.data(), n * d, 1, bench.stream());
  fill_random(keys.data(), m * d, 2, bench.stream());
  const AttentionInput<T> input = {{queries.data(), n, d, d}, MatrixView<const T>{keys.data(), m, d, d}, {}, {1, 1, d, 0}, 1.0};
  TopKeysScratch scratch;
  const TopKeys found = top_keys(input, kept, scratch, bench.stream());
  const Matrix<T> host_queries = download(queries.data(), n, d, bench.stream());
  const Matrix<T> host_keys = download(keys.data(), m, d, bench.stream());
  double wrong = 0;
  for (std::int64_t i = 0; i < kSampledRows; ++i) {
    wrong += wrong_keys(host_queries.row(sampled(i, n)), host_keys, found, sampled(i, n));
  }
  const auto work = [&](int) { top_keys(input, kept, scratch, bench.stream()); };
  const Work least = {2.0 * static_cast<double>(n * m * d), static_cast<double>(m * d) * sizeof(T), 0};
  return {{group, "cuda", std::string(name_of(precision_of<T>)), shape, seconds_in_turns(bench, {work})[0], least,
           wrong, 0}};
}

}  // namespace

std::vector<Group> shard_groups(const Options& options) {
  const std::int64_t d = options.quick ? 20 : 128, m = options.quick ? 1100 : 1 << 20;
  const std::int64_t parts = options.quick ? 3 : 32, rows = options.quick ? 40 : 16384;
  const Shape states = {rows, parts, 1, 1, d}, shard = {0, m, 1, 1, d}, queries = {options.quick ? 4 : 16, m, 1, 1, d};
  return {
      {"merge_parts", [=](const Bench& bench) { return run_merge(bench, "merge_parts", states, parts); }},
      {"moments/bf16", [=](const Bench& bench) { return run_moments<Bf16>(bench, "moments/bf16", shard); }},
      {"moments/f32", [=](const Bench& bench) { return run_moments<float>(bench, "moments/f32", shard); }},
      {"top_keys/bf16", [=](const Bench& bench) { return run_top_keys<Bf16>(bench, "top_keys/bf16", queries); }},
      {"top_keys/f32", [=](const Bench& bench) { return run_top_keys<float>(bench, "top_keys/f32", queries); }},
  };
}

}  // namespace knowscale::cuda::bench

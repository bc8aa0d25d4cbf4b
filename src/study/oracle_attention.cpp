// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/random.hpp"
#include "study/oracle.hpp"

namespace knowscale {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kMultiplications = 1e8;  // that a rank may spend on sampled rows
constexpr std::int64_t kFewestRows = 8;
constexpr std::int64_t kBlock = 256;  // keys

// One row out of each of equal strata, so that every part of the output is looked at.
std::vector<std::int64_t> sample_rows(const Case& c) {
  const std::int64_t rows = c.batch * c.n;
  const double row_cost = 3.0 * static_cast<double>(c.m) * static_cast<double>(c.d) / c.ranks + 1;
  const auto affordable = static_cast<std::int64_t>(kMultiplications / row_cost);
  const std::int64_t count = std::min(rows, std::max(kFewestRows, affordable));
  std::vector<std::int64_t> sampled;
  for (std::int64_t i = 0; i < count; ++i) {
    const RowRange stratum = row_range(rows, count, i);
    const std::uint64_t word = random_words(c.seed, Stream::samples, static_cast<std::uint64_t>(i), 0)[0];
    sampled.push_back(stratum.begin + static_cast<std::int64_t>(word % static_cast<std::uint64_t>(stratum.size())));
  }
  return sampled;
}

// Sums over the knowledge for one query and head.
struct RowSums {
  std::vector<double> weighted;   // sum_k e_k v_k, d_h numbers
  std::vector<double> magnitude;  // sum_k e_k |v_k|
  double total = 0;               // sum_k e_k
};

template <class T>
struct Score {
  const Problem<T>& problem;
  std::int64_t query;
  std::int64_t head;

  // b q . k, and b sum |q_c k_c|.
  std::pair<double, double> operator()(std::int64_t k) const {
    const Case& c = problem.c;
    const std::int64_t width = c.d / c.heads, kv_head = head * c.kv_heads / c.heads;
    const T* q = problem.queries.row(query) + head * width;
    const T* key = problem.knowledge.keys.row(k) + kv_head * width;
    double sum = 0, absolute = 0;
    for (std::int64_t j = 0; j < width; ++j) {
      const double product = static_cast<double>(q[j]) * static_cast<double>(key[j]);
      sum += product;
      absolute += std::abs(product);
    }
    return {c.scale * sum, c.scale * absolute};
  }
};

RowSums zero_sums(std::int64_t width) {
  const std::vector<double> zeros(static_cast<std::size_t>(width), 0.0);
  return {zeros, zeros, 0};
}

void add(RowSums& to, const RowSums& more) {
  for (std::size_t j = 0; j < to.weighted.size(); ++j) {
    to.weighted[j] += more.weighted[j];
    to.magnitude[j] += more.magnitude[j];
  }
  to.total += more.total;
}

template <class T>
RowSums sum_row(const Score<T>& score, double maximum) {
  const Case& c = score.problem.c;
  const std::int64_t width = c.d / c.heads, kv_head = score.head * c.kv_heads / c.heads;
  const MatrixView<const T> values = score.problem.knowledge.values();
  // Blocks of keys first, then their sums, so that the oracle's own rounding stays small at large m.
  RowSums sums = zero_sums(width);
  for (std::int64_t begin = 0; begin < values.rows; begin += kBlock) {
    RowSums block = zero_sums(width);
    for (std::int64_t k = begin; k < std::min(begin + kBlock, values.rows); ++k) {
      const double e = std::exp(score(k).first - maximum);
      const T* value = values.row(k) + kv_head * width;
      for (std::size_t j = 0; j < block.weighted.size(); ++j) {
        block.weighted[j] += e * static_cast<double>(value[j]);
        block.magnitude[j] += e * std::abs(static_cast<double>(value[j]));
      }
      block.total += e;
    }
    add(sums, block);
  }
  return sums;
}

// Maxima over this rank's keys of the score and of its absolute sum, a pair for each (sampled row, head).
template <class T>
std::vector<double> local_maxima(const Problem<T>& problem, const std::vector<std::int64_t>& sampled) {
  const std::int64_t heads = problem.c.heads;
  std::vector<double> maxima(sampled.size() * static_cast<std::size_t>(heads) * 2, -kInfinity);
  problem.threads.parallel_for(static_cast<std::int64_t>(maxima.size()) / 2, [&](std::int64_t i) {
    const Score<T> score = {problem, sampled[static_cast<std::size_t>(i / heads)], i % heads};
    for (std::int64_t k = 0; k < problem.knowledge.keys.rows(); ++k) {
      const auto [value, absolute] = score(k);
      double* pair = &maxima[static_cast<std::size_t>(2 * i)];
      pair[0] = std::max(pair[0], value);
      pair[1] = std::max(pair[1], absolute);
    }
  });
  return maxima;
}

// Packed sums for each (sampled row, head): weighted, magnitude, total.
template <class T>
std::vector<double> local_sums(const Problem<T>& problem, const std::vector<std::int64_t>& sampled,
                               const std::vector<double>& maxima) {
  const std::int64_t heads = problem.c.heads, width = problem.c.d / heads;
  std::vector<double> packed(sampled.size() * static_cast<std::size_t>(heads * (2 * width + 1)));
  problem.threads.parallel_for(static_cast<std::int64_t>(maxima.size()) / 2, [&](std::int64_t i) {
    const Score<T> score = {problem, sampled[static_cast<std::size_t>(i / heads)], i % heads};
    const RowSums sums = sum_row(score, maxima[static_cast<std::size_t>(2 * i)]);
    double* out = &packed[static_cast<std::size_t>(i * (2 * width + 1))];
    std::copy(sums.weighted.begin(), sums.weighted.end(), out);
    std::copy(sums.magnitude.begin(), sums.magnitude.end(), out + width);
    out[2 * width] = sums.total;
  });
  return packed;
}

// Largest componentwise error of the sampled rows that this rank holds; `held` counts them.
template <class T>
double local_error(const Problem<T>& problem, const Output<Accumulator<T>>& output,
                   const std::vector<std::int64_t>& sampled, const std::vector<double>& sums,
                   std::vector<std::int64_t>& held) {
  const std::int64_t heads = problem.c.heads, width = problem.c.d / heads;
  double error = 0;
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    if (sampled[i] < output.rows.begin || sampled[i] >= output.rows.end) continue;
    held[i] = 1;
    const Accumulator<T>* row = output.values.row(sampled[i] - output.rows.begin);
    for (std::int64_t column = 0; column < problem.c.d; ++column) {
      const double* packed = &sums[(i * static_cast<std::size_t>(heads) + static_cast<std::size_t>(column / width)) *
                                   static_cast<std::size_t>(2 * width + 1)];
      const double total = packed[2 * width], expected = packed[column % width] / total;
      const double magnitude = packed[width + column % width] / total;
      const double difference = std::abs(static_cast<double>(row[column]) - expected);
      if (std::isnan(difference)) return kInfinity;
      if (difference > 0) error = std::max(error, magnitude > 0 ? difference / magnitude : kInfinity);
    }
  }
  return error;
}

double attention_bound(const Case& c, double largest_score) {
  const double m = static_cast<double>(c.m), width = static_cast<double>(c.d / c.heads);
  const double scores = 2 * largest_score * (std::sqrt(width) + 4);
  const double sums = 4 * (std::sqrt(std::min(m, 512.0)) + std::sqrt(m / 512) + std::log2(c.ranks));
  return unit_roundoff(c.precision) * (scores + sums + 8) + 2 * weight_roundoff(c.precision);
}

}  // namespace

template <class T>
Verification verify_attention(const Problem<T>& problem, const Output<Accumulator<T>>& output) {
  const std::vector<std::int64_t> sampled = sample_rows(problem.c);
  std::vector<double> maxima = local_maxima(problem, sampled);
  problem.comm.allreduce(std::span<double>(maxima), Combine::maximum);
  std::vector<double> sums = local_sums(problem, sampled, maxima);
  problem.comm.allreduce(std::span<double>(sums), Combine::sum);

  std::vector<std::int64_t> held(sampled.size(), 0);
  double error = local_error(problem, output, sampled, sums, held);
  error = problem.comm.allreduce(error, Combine::maximum);
  problem.comm.allreduce(std::span<std::int64_t>(held), Combine::maximum);
  if (std::find(held.begin(), held.end(), 0) != held.end()) error = kInfinity;

  double largest_score = 0;
  for (std::size_t i = 1; i < maxima.size(); i += 2) largest_score = std::max(largest_score, maxima[i]);
  const std::int64_t rows = problem.c.batch * problem.c.n;
  return {"oracle, " + std::to_string(sampled.size()) + " of " + std::to_string(rows) + " rows", error,
          attention_bound(problem.c, largest_score)};
}

template Verification verify_attention(const Problem<float>&, const Output<float>&);
template Verification verify_attention(const Problem<double>&, const Output<double>&);
template Verification verify_attention(const Problem<Bf16>&, const Output<float>&);
template Verification verify_attention(const Problem<F16>&, const Output<float>&);

}  // namespace knowscale

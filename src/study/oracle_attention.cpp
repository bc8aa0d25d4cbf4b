// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "core/random.hpp"
#include "kernels/threads.hpp"
#include "study/oracle.hpp"
#include "study/oracle_formula.hpp"

namespace knowscale {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kMultiplications = 1e8;  // that a rank may spend on sampled rows
constexpr std::int64_t kFewestRows = 8;
constexpr std::int64_t kBlock = 256;  // keys

// One row out of each of equal strata, so that every part of the output is looked at.
std::vector<std::int64_t> sample_rows(const Case& c) {
  const std::int64_t rows = c.tokens();
  const double width = static_cast<double>(c.d) * static_cast<double>(c.projected ? c.heads : 1);
  const double row_cost = 3.0 * width * (static_cast<double>(c.m) / c.ranks + static_cast<double>(c.n)) + 1;
  const auto affordable = static_cast<std::int64_t>(kMultiplications / row_cost);
  // Where the result is sharded every rank's rows are looked at.
  const std::int64_t fewest = std::max<std::int64_t>(kFewestRows, c.ranks);
  const std::int64_t count = std::min(rows, std::max(fewest, affordable));
  std::vector<std::int64_t> sampled;
  for (std::int64_t i = 0; i < count; ++i) {
    const RowRange stratum = row_range(rows, count, i);
    const std::uint64_t word = random_words(c.seed, Stream::samples, static_cast<std::uint64_t>(i), 0)[0];
    sampled.push_back(stratum.begin + static_cast<std::int64_t>(word % static_cast<std::uint64_t>(stratum.size())));
  }
  return sampled;
}

// A score and what rounding may do to it.
struct Score {
  double value = -kInfinity, size = -kInfinity;
};

// The sum of the products of a score; magnitudes of mapped numbers add by their squares.
class ScoreSum {
 public:
  explicit ScoreSum(bool mapped) : mapped_(mapped) {}
  void add(double value, double size) {
    value_ += value;
    size_ += mapped_ ? size * size : size;
  }
  Score scaled(double scale) const {
    return {scale * value_, scale * (mapped_ ? std::abs(value_) + std::sqrt(size_) : size_)};
  }

 private:
  bool mapped_;
  double value_ = 0, size_ = 0;
};

Score larger(const Score& a, const Score& b) { return {std::max(a.value, b.value), std::max(a.size, b.size)}; }

// Sums for one sampled token and head, relative to a common score: `width` weighted values, their magnitudes, the
// total weight.
struct Sums {
  explicit Sums(std::int64_t width) : numbers(static_cast<std::size_t>(2 * width + 1), 0.0), width_(width) {}
  double* weighted() { return numbers.data(); }
  double* magnitude() { return numbers.data() + width_; }
  double& total() { return numbers.back(); }
  void operator+=(const Sums& more) {
    for (std::size_t j = 0; j < numbers.size(); ++j) numbers[j] += more.numbers[j];
  }
  template <class Value, class Size>
  void add(double weight, const Value& value, const Size& size) {
    for (std::int64_t j = 0; j < width_; ++j) {
      weighted()[j] += weight * static_cast<double>(value(j));
      magnitude()[j] += weight * static_cast<double>(size(j));
    }
    total() += weight;
  }

  std::vector<double> numbers;

 private:
  std::int64_t width_;
};

// One softmax for all sampled tokens and heads.
template <class T>
class SoftmaxOracle {
 public:
  SoftmaxOracle(const Problem<T>& problem, const SoftmaxFormula& formula, const std::vector<std::int64_t>& sampled)
      : problem_(problem), c_(problem.c), formula_(formula), sampled_(sampled), sequences_(c_.sequences()) {}

  // Adds the softmax's rows to `out` (samples x d), and raises largest_score to its largest magnitude of a score.
  // Collective.
  void add_to(Magnified& out, double& largest_score) {
    const std::int64_t count = static_cast<std::int64_t>(sampled_.size()) * c_.heads;
    std::vector<double> maxima(static_cast<std::size_t>(2 * count), -kInfinity);
    for_each(count, [&](std::int64_t i) {
      Score highest;
      if (formula_.over_tokens) for_tokens(i, [&](std::int64_t, const Score& s) { highest = larger(highest, s); });
      if (formula_.over_knowledge)
        for_knowledge(i, [&](std::int64_t, const Score& s) { highest = larger(highest, s); });
      maxima[static_cast<std::size_t>(2 * i)] = highest.value;
      maxima[static_cast<std::size_t>(2 * i + 1)] = highest.size;
    });
    problem_.comm.allreduce(std::span<double>(maxima), Combine::maximum);
    for (std::size_t i = 1; i < maxima.size(); i += 2) largest_score = std::max(largest_score, maxima[i]);

    const std::int64_t width = formula_.own_columns ? c_.head_dim() : c_.d;
    const std::size_t packed = static_cast<std::size_t>(2 * width + 1);
    std::vector<double> sums(static_cast<std::size_t>(count) * packed);
    for_each(count, [&](std::int64_t i) {
      Sums of_row(width);
      if (formula_.over_knowledge) of_row = sum_knowledge(i, maxima[static_cast<std::size_t>(2 * i)], width);
      std::copy(of_row.numbers.begin(), of_row.numbers.end(), sums.begin() + i * static_cast<std::int64_t>(packed));
    });
    problem_.comm.allreduce(std::span<double>(sums), Combine::sum);
    for_each(count, [&](std::int64_t i) {
      Sums of_row(width);
      std::copy_n(sums.begin() + i * static_cast<std::int64_t>(packed), packed, of_row.numbers.begin());
      if (formula_.over_tokens) of_row += sum_tokens(i, maxima[static_cast<std::size_t>(2 * i)], width);
      write(i, of_row, out);
    });
  }

 private:
  template <class Body>
  void for_each(std::int64_t count, const Body& body) const {
    problem_.threads.parallel_for(count, body);
  }
  std::int64_t head_of(std::int64_t i) const { return i % c_.heads; }
  std::int64_t first_column(std::int64_t i) const { return head_of(i) * c_.kv_heads / c_.heads * c_.head_dim(); }

  // visit(token, score) for the tokens that the sampled one may see.
  template <class Visit>
  void for_tokens(std::int64_t i, const Visit& visit) const {
    const std::int64_t s = i / c_.heads, token = sampled_[static_cast<std::size_t>(s)], key_column = first_column(i);
    const RowRange sequence = *std::find_if(sequences_.begin(), sequences_.end(), [&](const RowRange& range) {
      return range.begin <= token && token < range.end;
    });
    const std::int64_t query_column = head_of(i) * c_.head_dim();
    for (std::int64_t j = sequence.begin; j < (c_.causal ? token + 1 : sequence.end); ++j) {
      ScoreSum sum(formula_.mapped);
      for (std::int64_t col = 0; col < c_.head_dim(); ++col) {
        sum.add(formula_.token_queries.value(s, query_column + col) * formula_.token_keys.value(j, key_column + col),
                formula_.token_queries.size(s, query_column + col) * formula_.token_keys.size(j, key_column + col));
      }
      visit(j, sum.scaled(c_.scale));
    }
  }

  // visit(row of the shard, score) for this rank's knowledge.
  template <class Visit>
  void for_knowledge(std::int64_t i, const Visit& visit) const {
    const std::int64_t column = formula_.own_columns ? first_column(i) : 0, width = formula_.knowledge_queries.cols();
    const double* query = formula_.knowledge_queries.value.row(i);
    const double* size = formula_.knowledge_queries.size.row(i);
    for (std::int64_t k = 0; k < problem_.knowledge.keys.rows(); ++k) {
      const T* key = problem_.knowledge.keys.row(k) + column;
      ScoreSum sum(formula_.mapped);
      for (std::int64_t col = 0; col < width; ++col) {
        sum.add(query[col] * static_cast<double>(key[col]), size[col] * std::abs(static_cast<double>(key[col])));
      }
      visit(k, sum.scaled(c_.scale));
    }
  }

  Sums sum_tokens(std::int64_t i, double maximum, std::int64_t width) const {
    Sums sums(width);
    const std::int64_t column = first_column(i);
    for_tokens(i, [&](std::int64_t j, const Score& score) {
      sums.add(
          std::exp(score.value - maximum), [&](std::int64_t c) { return formula_.token_values.value(j, column + c); },
          [&](std::int64_t c) { return formula_.token_values.size(j, column + c); });
    });
    return sums;
  }

  // Blocks of keys first, then their sums, so that the oracle's own rounding stays small at large m.
  Sums sum_knowledge(std::int64_t i, double maximum, std::int64_t width) const {
    Sums sums(width), block(width);
    const MatrixView<const T> values = problem_.knowledge.values();
    const std::int64_t column = formula_.own_columns ? first_column(i) : 0;
    for_knowledge(i, [&](std::int64_t k, const Score& score) {
      const T* value = values.row(k) + column;
      block.add(
          std::exp(score.value - maximum), [&](std::int64_t c) { return value[c]; },
          [&](std::int64_t c) { return std::abs(static_cast<double>(value[c])); });
      if (k % kBlock == kBlock - 1) {
        sums += block;
        block = Sums(width);
      }
    });
    sums += block;
    return sums;
  }

  void write(std::int64_t i, Sums& sums, Magnified& out) const {
    const std::int64_t s = i / c_.heads, first = head_of(i) * c_.head_dim();
    const double total = sums.total();
    if (total == 0) return;
    const auto group = static_cast<std::size_t>(head_of(i) * c_.kv_heads / c_.heads);
    for (std::int64_t j = 0; j < c_.head_dim(); ++j) {
      if (formula_.value_map.empty()) {
        out.value(s, first + j) += sums.weighted()[j] / total;
        out.size(s, first + j) += sums.magnitude()[j] / total;
        continue;
      }
      const Magnified& map = formula_.value_map[group];
      double value = 0, squares = 0;
      for (std::int64_t k = 0; k < map.rows(); ++k) {
        value += sums.weighted()[k] / total * map.value(k, j);
        squares += std::pow(sums.magnitude()[k] / total * map.size(k, j), 2);
      }
      out.value(s, first + j) += value;
      out.size(s, first + j) += std::abs(value) + std::sqrt(squares);
    }
  }

  const Problem<T>& problem_;
  const Case& c_;
  const SoftmaxFormula& formula_;
  const std::vector<std::int64_t>& sampled_;
  std::vector<RowRange> sequences_;
};

// Largest componentwise error of the sampled rows that this rank holds; `held` counts them.
template <class L>
double local_error(const Output<L>& output, const std::vector<std::int64_t>& sampled, const Magnified& expected,
                   std::vector<std::int64_t>& held) {
  double error = 0;
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    if (sampled[i] < output.rows.begin || sampled[i] >= output.rows.end) continue;
    held[i] = 1;
    const L* row = output.values.row(sampled[i] - output.rows.begin);
    for (std::int64_t j = 0; j < expected.cols(); ++j) {
      const auto s = static_cast<std::int64_t>(i);
      const double difference = std::abs(static_cast<double>(row[j]) - expected.value(s, j));
      if (std::isnan(difference)) return kInfinity;
      if (difference > 0) {
        error = std::max(error, expected.size(s, j) > 0 ? difference / expected.size(s, j) : kInfinity);
      }
    }
  }
  return error;
}

double bound_of(const Case& c, const Structure& structure, const Roundings& roundings, double largest_score,
                double chain) {
  const double keys = static_cast<double>(c.m + (structure.sees_sequence() ? c.n : 0)),
               width = static_cast<double>(c.head_dim());
  const double scores = 2 * largest_score * (std::sqrt(width) + 4 + chain);
  const double sums = 4 * (std::sqrt(std::min(keys, 512.0)) + std::sqrt(keys / 512) + std::log2(c.ranks));
  return unit_roundoff(c.precision) * (scores + sums + 8 + chain) +
         2 * (weight_roundoff(c.precision) + roundings.weights) + roundings.factors * (4 * largest_score + 4);
}

}  // namespace

template <class T>
Verification verify_attention(const Problem<T>& problem, const Output<Accumulator<T>>& output) {
  const std::vector<std::int64_t> sampled = sample_rows(problem.c);
  const ModelFormula formula = formula_of(problem, sampled);
  Magnified expected(static_cast<std::int64_t>(sampled.size()), problem.c.d);
  double largest_score = 0;
  for (const SoftmaxFormula& softmax : formula.softmaxes) {
    SoftmaxOracle<T>(problem, softmax, sampled).add_to(expected, largest_score);
  }
  for (std::int64_t i = 0; i < formula.plain.value.size(); ++i) {
    expected.value.data()[i] += formula.plain.value.data()[i];
    expected.size.data()[i] += formula.plain.size.data()[i];
  }
  if (formula.output_map.rows() > 0) expected = product(expected, 0, formula.output_map, problem.threads);

  std::vector<std::int64_t> held(sampled.size(), 0);
  double error = local_error(output, sampled, expected, held);
  error = problem.comm.allreduce(error, Combine::maximum);
  problem.comm.allreduce(std::span<std::int64_t>(held), Combine::maximum);
  if (std::find(held.begin(), held.end(), 0) != held.end()) error = kInfinity;
  return {"oracle, " + std::to_string(sampled.size()) + " of " + std::to_string(problem.c.tokens()) + " rows", error,
          bound_of(problem.c, model_by_name<T>(problem.c.model).structure, roundings_of<T>(problem.c.kernel), largest_score,
                   formula.chain)};
}

template Verification verify_attention(const Problem<float>&, const Output<float>&);
template Verification verify_attention(const Problem<double>&, const Output<double>&);
template Verification verify_attention(const Problem<Bf16>&, const Output<float>&);
template Verification verify_attention(const Problem<F16>&, const Output<float>&);

}  // namespace knowscale

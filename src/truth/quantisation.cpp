// SPDX-License-Identifier: BSD-3-Clause
#include "truth/quantisation.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/threads.hpp"
#include "truth/expected_rows.hpp"

namespace knowscale {
namespace {

// One number for each of those of the knowledge.
template <class Number>
Matrix<float> of_each(const StoredRows<float>& rows, const Threads& threads, const Number& number) {
  Matrix<float> out(rows.rows, rows.cols);
  const std::int64_t width = rows.bytes.layout.width;
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    const RowRange mine = row_range(rows.rows, threads.count(), part);
    for (std::int64_t i = mine.begin; i < mine.end; ++i) {
      for (std::int64_t j = 0; j < rows.cols; ++j) {
        const std::int64_t head = j / width;
        out(i, j) = number(rows.bytes.bytes(i, head)[j % width], rows.bytes.scale(i, head));
      }
    }
  });
  return out;
}

Matrix<float> radii(const StoredRows<float>& rows, const Threads& threads) {
  return of_each(rows, threads, [&](std::uint8_t byte, float scale) {
    return static_cast<float>(1.0001 * quantisation_radius(rows.bytes.layout.format, byte, scale));
  });
}

Matrix<float> sizes(const StoredRows<float>& rows, const Threads& threads) {
  return of_each(rows, threads, [&](std::uint8_t byte, float scale) {
    return std::abs(scale * decoded(rows.bytes.layout.format, byte));
  });
}

void make_absolute(Magnified& matrix) {
  for (double& x : matrix.value.span()) x = std::abs(x);
}

// Of a formula whose values are errors: none are of tokens, and none cancel.
void make_absolute(ModelFormula& formula) {
  std::erase_if(formula.softmaxes, [](const SoftmaxFormula& softmax) { return !softmax.over_knowledge; });
  for (SoftmaxFormula& softmax : formula.softmaxes) {
    make_absolute(softmax.token_values);
    for (Magnified& map : softmax.value_map) make_absolute(map);
  }
  make_absolute(formula.output_map);
}
void clear_token_values(ModelFormula& formula) {
  for (SoftmaxFormula& softmax : formula.softmaxes) {
    for (double& x : softmax.token_values.value.span()) x = 0;
  }
}

// E of each sampled row, of the head where it is largest.
std::vector<double> score_errors(const Problem<float>& problem, const ModelFormula& formula, std::size_t samples,
                                 const Matrix<float>& key_radii) {
  const Case& c = problem.c;
  std::vector<double> of_head(samples * static_cast<std::size_t>(c.heads), 0.0), of_row(samples, 0.0);
  for (const SoftmaxFormula& softmax : formula.softmaxes) {
    problem.threads.parallel_for(static_cast<std::int64_t>(of_head.size()), [&](std::int64_t i) {
      const std::int64_t column = softmax.own_columns ? i % c.heads * c.kv_heads / c.heads * c.head_dim() : 0;
      const double* query = softmax.knowledge_queries.value.row(i);
      for (std::int64_t k = 0; k < key_radii.rows(); ++k) {
        double sum = 0;
        for (std::int64_t col = 0; col < softmax.knowledge_queries.cols(); ++col) {
          sum += std::abs(query[col]) * double{key_radii(k, column + col)};
        }
        double& most = of_head[static_cast<std::size_t>(i)];
        most = std::max(most, c.scale * sum);
      }
    });
  }
  problem.comm.allreduce(std::span<double>(of_head), Combine::maximum);
  for (std::size_t i = 0; i < of_head.size(); ++i) {
    double& most = of_row[i / static_cast<std::size_t>(c.heads)];
    most = std::max(most, of_head[i]);
  }
  return of_row;
}

// What each sampled row may be off by, in every component.
Matrix<double> absolute_bounds(const Problem<float>& problem, const std::vector<std::int64_t>& sampled,
                               const CaseRounding& rounding, double rounded) {
  KnowledgeShard<float> numbers = dequantised(problem.knowledge, problem.threads);
  const Problem<float> other = {problem.c, numbers, problem.queries, problem.comm, problem.threads};
  ModelFormula formula = formula_of(other, sampled);
  make_absolute(formula);
  const StoredRows<float> values = problem.knowledge.stored_values();
  numbers.separate_values = sizes(values, problem.threads);
  const Expected magnitude = expected_rows(other, sampled, formula, rounding);
  numbers.separate_values = radii(values, problem.threads);
  clear_token_values(formula);
  const Expected off = expected_rows(other, sampled, formula, rounding);
  const std::vector<double> score =
      score_errors(problem, formula, sampled.size(), radii(problem.knowledge.stored_keys(), problem.threads));
  Matrix<double> bounds(off.rows.rows(), off.rows.cols());
  for (std::int64_t s = 0; s < bounds.rows(); ++s) {
    const double moved = 2 * score[static_cast<std::size_t>(s)];
    for (std::int64_t j = 0; j < bounds.cols(); ++j) {
      const bool open = magnitude.open[static_cast<std::size_t>(s)];
      bounds(s, j) =
          open ? std::numeric_limits<double>::infinity()
               : (std::expm1(moved) + rounded) * magnitude.rows.value(s, j) + std::exp(moved) * off.rows.value(s, j);
    }
  }
  return bounds;
}

}  // namespace

Quantisation quantisation_of(const Problem<float>& problem, const Output<float>& output, const Verification& verified) {
  const std::vector<std::int64_t> sampled = sample_rows(problem.c);
  Case c = problem.c;
  c.precision = unscaled(c.precision);
  const bool bounded = model_by_name(c.model).structure.moments == 0;
  Matrix<double> bounds;
  CaseRounding rounding = rounding_of(c, roundings_of(c.kernel, c.precision), 0);
  if (bounded) bounds = absolute_bounds(problem, sampled, rounding, verified.bound);

  const KnowledgeShard<float> knowledge = load_knowledge<float>(c, problem.comm, problem.threads);
  const Problem<float> in_f32 = {c, knowledge, problem.queries, problem.comm, problem.threads};
  const ModelFormula formula = formula_of(in_f32, sampled);
  rounding = rounding_of(c, roundings_of(c.kernel, c.precision), formula.chain);
  const Expected expected = expected_rows(in_f32, sampled, formula, rounding);

  // Of the row that is nearest to its bound: how near, the error, the bound.
  double found[] = {-1, 0, std::numeric_limits<double>::quiet_NaN()};
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    if (sampled[i] < output.rows.begin || sampled[i] >= output.rows.end) continue;
    const auto s = static_cast<std::int64_t>(i);
    const float* row = output.values.row(sampled[i] - output.rows.begin);
    for (std::int64_t j = 0; j < expected.rows.cols(); ++j) {
      const double size = expected.rows.size(s, j);
      const double error = std::abs(double{row[j]} - expected.rows.value(s, j)) / size;
      const double bound = bounded ? bounds(s, j) / size : 1;
      if (!(error / bound > found[0])) continue;
      found[0] = error / bound;
      found[1] = error;
      if (bounded) found[2] = bound;
    }
  }
  const std::vector<double> all = problem.comm.gather(std::span<const double>(found));
  for (std::size_t i = 0; i < all.size(); i += std::size(found)) {
    if (all[i] > found[0]) std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(i), std::size(found), found);
  }
  problem.comm.broadcast(std::span<double>(found));
  return {found[1], found[2]};
}

}  // namespace knowscale

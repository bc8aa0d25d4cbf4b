// SPDX-License-Identifier: BSD-3-Clause
#include "truth/expected_rows.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/random.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

constexpr double kMultiplications = 1e8;  // that a rank may spend on sampled rows
constexpr std::int64_t kFewestRows = 8;

// Rows times the matrix.
void map(const Magnified& matrix, double least, const Threads& threads, Expected& expected) {
  expected.rows = product(expected.rows, 0, matrix, least, threads);
  Matrix<double> radius(expected.radius.rows(), matrix.cols());
  std::fill_n(radius.data(), radius.size(), 0.0);
  for (std::int64_t i = 0; i < radius.rows(); ++i) {
    for (std::int64_t k = 0; k < matrix.rows(); ++k) {
      for (std::int64_t j = 0; j < matrix.cols(); ++j)
        radius(i, j) += expected.radius(i, k) * std::abs(matrix.value(k, j));
    }
  }
  expected.radius = std::move(radius);
}

}  // namespace

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
    const std::uint64_t word = random_words(c.seed, Draw::samples, static_cast<std::uint64_t>(i), 0)[0];
    sampled.push_back(stratum.begin + static_cast<std::int64_t>(word % static_cast<std::uint64_t>(stratum.size())));
  }
  return sampled;
}

CaseRounding rounding_of(const Case& c, const Roundings& roundings, double chain) {
  const double u = unit_roundoff(c.precision), width = static_cast<double>(c.head_dim());
  // What keys that were screened out weigh, all together u of the leading one.
  const double screened = c.exact ? u / static_cast<double>(c.m) : 0;
  return {u * (std::sqrt(width) + 4 + chain) + 2 * roundings.factors,
          std::max({least_weight(c.precision), roundings.least_weight, screened}), least_magnitude(c.precision), u};
}

template <class T>
Expected expected_rows(const Problem<T>& problem, const std::vector<std::int64_t>& sampled, const ModelFormula& formula,
                       const CaseRounding& rounding) {
  Expected expected(static_cast<std::int64_t>(sampled.size()), problem.c.d);
  for (const SoftmaxFormula& softmax : formula.softmaxes) add_softmax(problem, softmax, sampled, rounding, expected);
  for (std::int64_t i = 0; i < formula.plain.value.size(); ++i) {
    expected.rows.value.data()[i] += formula.plain.value.data()[i];
    expected.rows.size.data()[i] += formula.plain.size.data()[i];
  }
  if (formula.output_map.rows() > 0) map(formula.output_map, rounding.least_value, problem.threads, expected);
  return expected;
}

template Expected expected_rows(const Problem<float>&, const std::vector<std::int64_t>&, const ModelFormula&,
                                const CaseRounding&);
template Expected expected_rows(const Problem<double>&, const std::vector<std::int64_t>&, const ModelFormula&,
                                const CaseRounding&);
template Expected expected_rows(const Problem<Bf16>&, const std::vector<std::int64_t>&, const ModelFormula&,
                                const CaseRounding&);
template Expected expected_rows(const Problem<F16>&, const std::vector<std::int64_t>&, const ModelFormula&,
                                const CaseRounding&);

}  // namespace knowscale

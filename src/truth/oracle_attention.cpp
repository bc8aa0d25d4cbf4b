// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "kernels/threads.hpp"
#include "truth/expected_rows.hpp"
#include "truth/oracle.hpp"

namespace knowscale {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What sums, divisions, weights and factors may be off by, relative to magnitudes: all but scores.
double bound_of_sums(const Case& c, const Structure& structure, const Roundings& roundings, double chain) {
  const double keys = static_cast<double>(c.m + (structure.sees_sequence() ? c.n : 0));
  const double sums = 4 * (std::sqrt(std::min(keys, 512.0)) + std::sqrt(keys / 512) + std::log2(c.ranks));
  return unit_roundoff(c.precision) * (sums + 8 + chain) + 2 * (weight_roundoff(c.precision) + roundings.weights) +
         4 * roundings.factors;
}

// The row that is farthest from what it should be, of those that this rank holds, against its own bound.
struct Farthest {
  double error = 0, bound = 1;
  void see(double other_error, double other_bound) {
    if (!(other_error / other_bound <= error / bound)) error = other_error, bound = other_bound;
  }
};

// Errors are componentwise: what is off by more than the row's scores leave open, over the magnitude. `held` counts
// rows.
template <class L>
Farthest farthest_row(const Output<L>& output, const std::vector<std::int64_t>& sampled, const Expected& expected,
                      double bound_of_sums, std::vector<std::int64_t>& held) {
  Farthest farthest = {0, bound_of_sums};
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    if (sampled[i] < output.rows.begin || sampled[i] >= output.rows.end) continue;
    held[i] = 1;
    const auto s = static_cast<std::int64_t>(i);
    const L* row = output.values.row(sampled[i] - output.rows.begin);
    double error = 0;
    for (std::int64_t j = 0; j < expected.rows.cols(); ++j) {
      const double off = std::abs(static_cast<double>(row[j]) - expected.rows.value(s, j)) - expected.radius(s, j);
      if (std::isnan(off)) error = kInfinity;
      if (off > 0) error = std::max(error, off / expected.rows.size(s, j));
    }
    farthest.see(error, std::expm1(expected.moved[i]) + bound_of_sums);
  }
  return farthest;
}

// Rows of which the scores' rounding leaves enough to tell right from wrong.
std::int64_t told_rows(const Expected& expected) {
  std::int64_t told = 0;
  for (std::int64_t s = 0; s < expected.rows.rows(); ++s) {
    double radius = 0, size = 0;
    for (std::int64_t j = 0; j < expected.rows.cols(); ++j) {
      radius += expected.radius(s, j);
      size += expected.rows.size(s, j);
    }
    if (radius <= kTelling * size && std::isfinite(size)) ++told;
  }
  return told;
}

std::string check_of(const Case& c, const Expected& expected) {
  const auto open = std::count(expected.open.begin(), expected.open.end(), true);
  const std::string hulls = open == 0 ? "" : fmt::format(", {} of them held to the hull of their values", open);
  return fmt::format("oracle, {} of {} rows{}", expected.rows.rows(), c.tokens(), hulls);
}

// Empty where the output can be verified.
std::string why_untold(const Case& c, const Expected& expected) {
  const std::int64_t samples = expected.rows.rows(), told = told_rows(expected);
  const double most =
      with_type_of(c.precision, []<class T>(T) -> double { return std::numeric_limits<Accumulator<T>>::max(); });
  // Kernels sum products unscaled, or scaled to powers of 2.
  const double largest = expected.largest_score * std::max(1 / std::log(2.0), c.scale > 0 ? 1 / c.scale : 0);
  if (!(largest <= most)) {
    return fmt::format(
        "products of queries and keys of up to {:.2g} do not fit sums of {:.2g} at most: scale the vectors{}", largest,
        most, c.precision == Precision::f64 ? "" : ", or take f64");
  }
  if (2 * told >= samples) return "";
  return fmt::format(
      "cannot be verified: scores of up to {:.2g} round by more than they differ in {} of {} rows: take a "
      "smaller scale{}",
      expected.largest_score, samples - told, samples, c.precision == Precision::f64 ? "" : ", or f64");
}

}  // namespace

template <class T>
Verification verify_attention(const Problem<T>& problem, const Output<Accumulator<T>>& output) {
  const Case& c = problem.c;
  const std::vector<std::int64_t> sampled = sample_rows(c);
  const ModelFormula formula = formula_of(problem, sampled);
  const Roundings roundings = roundings_of(c.kernel, precision_of<T>);
  const Expected expected = expected_rows(problem, sampled, formula, rounding_of(c, roundings, formula.chain));
  const double sums = bound_of_sums(c, model_by_name(c.model).structure, roundings, formula.chain);

  std::vector<std::int64_t> held(sampled.size(), 0);
  const Farthest own = farthest_row(output, sampled, expected, sums, held);
  Farthest farthest = {0, sums};
  const double pair[] = {own.error, own.bound};
  const std::vector<double> all = problem.comm.gather(std::span<const double>(pair));
  for (std::size_t i = 0; i < all.size(); i += 2) farthest.see(all[i], all[i + 1]);
  problem.comm.broadcast(std::span<double>(&farthest.error, 1));
  problem.comm.broadcast(std::span<double>(&farthest.bound, 1));
  problem.comm.allreduce(std::span<std::int64_t>(held), Combine::maximum);
  if (std::find(held.begin(), held.end(), 0) != held.end()) farthest.error = kInfinity;
  return {check_of(c, expected), farthest.error, farthest.bound, why_untold(c, expected)};
}

template Verification verify_attention(const Problem<float>&, const Output<float>&);
template Verification verify_attention(const Problem<double>&, const Output<double>&);
template Verification verify_attention(const Problem<Bf16>&, const Output<float>&);
template Verification verify_attention(const Problem<F16>&, const Output<float>&);

}  // namespace knowscale

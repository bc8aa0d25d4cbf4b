// SPDX-License-Identifier: BSD-3-Clause
// One softmax of a model for the sampled tokens, in plain f64 loops over the shards: two passes, the maximum first,
// then the sums, combined by plain sums over ranks. Shares no code with kernels, merges or reductions.
#pragma once

#include <cstdint>
#include <vector>

#include "models/model.hpp"
#include "truth/oracle_formula.hpp"

namespace knowscale {

// What the arithmetic of the case rounds: relative to the magnitude that is rounded, but for the last two.
struct CaseRounding {
  double score = 0;         // of scores
  double least_weight = 0;  // of weights, beside a largest one of 1: rounded absolutely below it
  double least_value = 0;   // of products, likewise
  double unit = 0;          // u of the sums
};

// What the output should be, and how far from it rounding may lead.
struct Expected {
  Magnified rows;             // samples x d
  Matrix<double> radius;      // samples x d: what is left open by scores that round by as much as they differ; else 0
  std::vector<double> moved;  // by sample: what the rounding of other scores multiplies weights by, as a logarithm
  std::vector<bool> open;     // by sample: some head has such scores
  double largest_score = 0;   // magnitude, of all samples

  Expected(std::int64_t samples, std::int64_t d);
};

// A row is computed exactly where the rounding of its scores, at most e, changes weights by less than kTelling.
//
// Where it may change them by more, a bound of the error says nothing. What holds then: kernels compute the softmax of
// scores that each lie within their rounding e_k of the right ones. With L the largest s_k - e_k, key k weighs at most
// exp(s_k + e_k - L) of the leading one; so the result lies in the hull of the values of keys for which that is more
// than e^-2, but for what the others add to it, which is summed. One key, or several with one value, leave no choice.
inline constexpr double kTelling = 0.25;

// Adds the softmax of `formula` to `expected`. Collective; the same result on every rank.
template <class T>
void add_softmax(const Problem<T>& problem, const SoftmaxFormula& formula, const std::vector<std::int64_t>& sampled,
                 const CaseRounding& rounding, Expected& expected);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// The truth that every timed case is held against: plain f64 loops over the same shards, sharing no code
// with kernels, merges or reductions.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>

#include "core/matrix.hpp"
#include "models/model.hpp"

namespace knowscale {

struct Verification {
  std::string check;  // what was compared
  double error = 0;   // relative; infinite where the output holds NaN or a row is missing
  double bound = 0;

  bool passed() const { return error <= bound && std::isfinite(error); }
};

// The models of attention, on sampled rows (all of them where that is cheap; never fewer than 8), from the formulas in
// oracle_formula.hpp: two passes over the shards, the maximum first, then the sums; combined by plain sums over ranks.
//
// The error is componentwise, |y - y'| over the magnitude of y (for `knowledge` sum_k w_k |v_k|; through products with
// moments and projections as oracle_formula.hpp says). With u the unit roundoff, S the largest magnitude of a score (b
// sum_c |q_c k_c|), d_h the head width, M = m, plus n where tokens see tokens, it is held against
//   u (2 S (sqrt(d_h) + 4 + r) + 4 (sqrt(min(M, 512)) + sqrt(M / 512) + log2 p) + 8 + r)
// - scores: a dot product of d_h terms is off by u sqrt(d_h) S (Higham & Mary 2019, probabilistic), scaling,
//   subtraction and exp by 4 u S more; numerator and denominator both carry it: factor 2;
// - sums: blocks of 512 keys, then M / 512 blocks, then log2 p merges, each off by u times the root of its
//   length, four standard deviations; - division, rescaling and rounding of the output: 8 u;
// - r: what moments and projections were rounded by before (ModelFormula::chain), 0 without them;
// plus twice what a kernel may round weights by (weight_roundoff and Roundings::weights: numerator and denominator), plus
// f (4 S + 4) where it rounds factors by f first (Roundings::factors: two factors of a score, twice; weights and values).
// Collective; the same result on every rank.
template <class T>
Verification verify_attention(const Problem<T>& problem, const Output<Accumulator<T>>& output);

// The LSTM has no rows to sample: everything is computed again in f64, once for each distinct problem.
//
// The error of an output row is relative to its largest component, held against
//   32 u (sqrt(D + H) + 8)
// A step adds the error of dot products of D + H terms and of the gates; since forget gates stay near 1/2
// the recurrence forgets errors as it forgets its input, so that they do not grow with m or n (factor 32:
// four standard deviations, the geometric sum over past steps, and the decoder that feeds back).
class LstmOracle {
 public:
  // Collective; the same result on every rank.
  template <class T>
  Verification verify(const Problem<T>& problem, const Output<T>& output);

 private:
  std::map<std::string, Matrix<double>> outputs_;  // (B n) x d, by problem
};

// The one that fits the model: `recurrent` as its structure says.
template <class T>
Verification verify_output(const Problem<T>& problem, const Output<Accumulator<T>>& output, bool recurrent,
                           LstmOracle& lstm_oracle) {
  if constexpr (std::is_same_v<T, Accumulator<T>>) {
    if (recurrent) return lstm_oracle.verify(problem, output);
  }
  return verify_attention(problem, output);
}

}  // namespace knowscale

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

// The problem with its knowledge as the numbers that it stands for, where that is kept in 8 bits.
template <class T>
class KnownKnowledge {
 public:
  explicit KnownKnowledge(const Problem<T>& problem) : problem_(problem) {
    if constexpr (std::is_same_v<T, float>) {
      if (problem.knowledge.in_bytes()) numbers_ = dequantised(problem.knowledge, problem.threads);
    }
  }
  Problem<T> problem() const {
    return {problem_.c, problem_.knowledge.in_bytes() ? numbers_ : problem_.knowledge, problem_.queries, problem_.comm,
            problem_.threads};
  }

 private:
  const Problem<T>& problem_;
  KnowledgeShard<T> numbers_;
};

struct Verification {
  std::string check;  // what was compared
  double error = 0;   // relative; infinite where the output holds NaN or a row is missing
  double bound = 0;
  std::string untold;  // why no output could be told from a wrong one; empty where it can

  // A bound of 1 or more would let zeros pass.
  bool passed() const { return untold.empty() && error <= bound && bound < 1; }
};

// The models of attention, on sampled rows (all of them where that is cheap; never fewer than 8), from the formulas in
// oracle_formula.hpp: two passes over the shards, the maximum first, then the sums; combined by plain sums over ranks.
//
// The error is componentwise, |y - y'| over the magnitude of y (for `knowledge` sum_k w_k |v_k|; through products with
// moments and projections as oracle_formula.hpp says), of the row where it is largest beside the row's own bound. With
// u the unit roundoff, S the largest magnitude of a score of the row (b sum_c |q_c k_c|), d_h the head width, M = m,
// plus n where tokens see tokens, that bound is
//   e^2e - 1 + u (4 (sqrt(min(M, 512)) + sqrt(M / 512) + log2 p) + 8 + r),     e = u S (sqrt(d_h) + 4 + r)
// - scores: a dot product of d_h terms is off by u sqrt(d_h) S (Higham & Mary 2019, probabilistic), scaling,
//   subtraction and exp by 4 u S more; numerator and denominator both carry it: factor 2;
// - sums: blocks of 512 keys, then M / 512 blocks, then log2 p merges, each off by u times the root of its
//   length, four standard deviations; - division, rescaling and rounding of the output: 8 u;
// - r: what moments and projections were rounded by before (ModelFormula::chain), 0 without them;
// plus twice what a kernel may round weights by (weight_roundoff and Roundings::weights: numerator and denominator),
// plus where it rounds factors by f first (Roundings::factors: two factors of a score; weights and values) 2 f S in e,
// and 4 f. Below the smallest normal number, and of weights below the smallest that kernels tell from 0, rounding is
// absolute: magnitudes are no smaller than what makes up for that.
//
// Where e is so large that such a bound says little, a row is held to what is true however its scores are rounded
// (oracle_softmax.hpp). `untold` where that leaves most rows open, or scores do not fit.
// Collective; the same result on every rank.
template <class T>
Verification verify_attention(const Problem<T>& problem, const Output<Accumulator<T>>& output);

// The LSTM has no rows to sample: everything is computed again in f64, once for each distinct problem.
//
// The error of an output row is relative to its largest component, held against
//   32 u (sqrt(D + H) + 8) max(1, g)
// A step adds the error of dot products of D + H terms and of the gates; since forget gates stay near 1/2
// the recurrence forgets errors as it forgets its input, so that they do not grow with m or n (factor 32:
// four standard deviations, the geometric sum over past steps, and the decoder that feeds back). g: how large what an
// input adds to a gate is at most, the longest input times the largest weight; what is rounded there is that.
class LstmOracle {
 public:
  struct Expected {
    Matrix<double> output;    // (B n) x d
    double largest_gate = 1;  // g
  };

  // Collective; the same result on every rank.
  template <class T>
  Verification verify(const Problem<T>& problem, const Output<T>& output);

 private:
  std::map<std::string, Expected> expected_;  // by problem
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

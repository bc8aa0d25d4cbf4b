// SPDX-License-Identifier: BSD-3-Clause
// What knowledge in 8 bits costs in accuracy: how far an output is from that of the same knowledge in f32.
//
// Numbers of the knowledge are off by r at most, which bytes and scales tell (quantisation_radius). So a score of a
// query q is off by E = max_k b sum_c |q_c| r_kc at most, a weight by a factor e^2E (numerator and denominator), and
//   |y' - y| <= (e^2E - 1) sum_k w_k |v_k| + e^2E sum_k w_k r_k
// with the weights w and values v of the bytes. Where a model multiplies values or means of them by matrices, by the
// absolute values of their numbers. That is the worst case; roundings that are independent of each other stay far
// below.
#pragma once

#include <limits>

#include "models/model.hpp"
#include "truth/oracle.hpp"

namespace knowscale {

// Over the magnitude of the right output, component by component, of the verified row that is nearest to its bound.
struct Quantisation {
  double error = std::numeric_limits<double>::quiet_NaN();  // NaN: the knowledge is not in 8 bits
  double bound = std::numeric_limits<double>::quiet_NaN();  // NaN too where knowledge enters through moments
};

// problem: with knowledge in 8 bits; `output` is within verified.bound of what its numbers give. Makes or reads the
// knowledge again in f32. Collective; the same on every rank.
Quantisation quantisation_of(const Problem<float>& problem, const Output<float>& output, const Verification& verified);

}  // namespace knowscale

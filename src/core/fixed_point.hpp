// SPDX-License-Identifier: BSD-3-Clause
// Sums whose bits do not depend on the order: numbers of a known largest size as 102-bit fixed-point numbers, in two
// integers that are added exactly.
#pragma once

#include <cmath>
#include <cstdint>

namespace knowscale {

// The scale of a sum of up to `terms` (at most 2^20) numbers of absolute value at most `largest`.
class FixedPoint {
 public:
  FixedPoint(double largest, std::int64_t terms)
      : exponent_(60 - std::ilogb(std::fmax(largest, 1e-290)) - 1 - std::ilogb(static_cast<double>(terms) + 1) - 1) {}

  // Adds x to the sum of which high and low are the parts. What is below 2^-40 of the high part's unit is rounded off.
  void add(double x, std::int64_t& high, std::int64_t& low) const {
    const double scaled = std::ldexp(x, exponent_), whole = std::nearbyint(scaled);
    high += static_cast<std::int64_t>(whole);
    low += static_cast<std::int64_t>(std::nearbyint(std::ldexp(scaled - whole, kLowBits)));
  }
  double value(std::int64_t high, std::int64_t low) const {
    return std::ldexp(static_cast<double>(high) + std::ldexp(static_cast<double>(low), -kLowBits), -exponent_);
  }

 private:
  static constexpr int kLowBits = 40;
  int exponent_;
};

}  // namespace knowscale

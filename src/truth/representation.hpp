// SPDX-License-Identifier: BSD-3-Clause
// The theorem itself, on random functions: what commutes with O(d) is G1 X + G2 Z with G1 and G2 functions of Gram
// matrices alone, and what does not commute is not.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace knowscale {

struct RepresentationCheck {
  std::string_view target;
  bool represented = false;  // should be
  double residual = 0;       // of the least squares fit, over the longest row of the target
  double bound = 0;          // represented: at or under it; else a million times above

  bool passed() const { return represented ? residual <= bound : residual > 1e6 * bound; }
};

// Fits one pair (G1, G2) by least squares to a function's values at (X Q_s, Z Q_s) for several Haar matrices Q_s at
// once. Gram matrices are the same for all s, so that the fit is exact if and only if the function has the general form
// there. Two targets: one built from Gram invariants (elementwise functions of them, and products of d x d moments),
// and the same with an elementwise nonlinearity of the components added. In f64 on this rank alone.
std::vector<RepresentationCheck> check_representation(std::uint64_t seed);

}  // namespace knowscale

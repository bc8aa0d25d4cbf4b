// SPDX-License-Identifier: BSD-3-Clause
// Which symmetries a model has, and whether it has them. What a model should break it must break: an LSTM that looked
// equivariant would be an error of the check.
#pragma once

#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "models/model.hpp"

namespace knowscale {

enum class Symmetry {
  orthogonal,             // f(XQ, ZQ) = f(X, Z) Q, one matrix of O(d) on all columns
  orthogonal_by_head,     // one matrix of O(d_h) for each key/value head
  knowledge_permutation,  // vectors of Z change places, also between ranks
  sequence_permutation,   // tokens of X change places, outputs with them
  ranks,                  // what one rank alone computes
  threads,                // one thread more
  tiles,                  // other tile sizes of the kernel
  scaling,                // f(2X, 2Z; b / 4) = 2 f(X, Z; b): scores stay, values double
  key_shift               // the first token added to all keys: a constant added to all scores of a query
};
inline constexpr std::size_t kSymmetries = 9;

std::string_view name_of(Symmetry symmetry);

// The theory: whether the case's model keeps (true) or breaks the symmetry.
bool should_keep(const Case& c, Symmetry symmetry);

// What is kept is off by rounding alone; what is broken, by far more, if the case can show it: an LSTM of one hidden
// unit moves so little whatever one does to its inputs that nothing can be told.
struct SymmetryCheck {
  Symmetry symmetry;
  bool should_keep = false;
  double error = 0;                                        // largest difference over the largest output component
  double bound = 0;                                        // kept: at or under it;
  double far = 10;                                         // broken: above so many times the bound,
  double shown = std::numeric_limits<double>::infinity();  // where other inputs change the output by so much,
  double clear = 1000;                                     // which is more than so many times the bound

  bool broken() const { return error > far * bound; }
  // Whether it says anything: what should be broken and is not counts where the case would have shown it.
  bool told() const { return should_keep || broken() || !(shown <= clear * bound); }
  bool passed() const { return std::isfinite(error) && (should_keep ? error <= bound : broken() || !told()); }
};

// All checks that apply to the case: its model, kernel, reduction, precision, heads, on its data, of which every rank
// must be able to hold all. O(d): four Haar draws, two of each determinant; where numbers are stored in 16 bits, axes
// permuted with signs, which rounds nothing (and no shift of keys, which would). Collective; the same on every rank.
std::vector<SymmetryCheck> check_symmetries(const Case& c, const Communicator& comm, const Threads& threads);
// The same of a model and back end of the caller's.
std::vector<SymmetryCheck> check_symmetries(const Case& c, const Communicator& comm, const Threads& threads,
                                            const Model& model, const Backend& backend);

// The case made small enough for that, on generated data: n, m and batch at most some tens.
Case small_for_symmetries(const Case& c);

}  // namespace knowscale

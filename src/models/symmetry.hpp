// SPDX-License-Identifier: BSD-3-Clause
// Which symmetries a model has, and whether it has them: f(XQ, ZQ) = f(X, Z) Q for orthogonal Q, and
// permutations of the knowledge (a set) and of the sequence. What a model should break it must break: an
// LSTM that looked equivariant would be an error of the check.
#pragma once

#include <string>
#include <vector>

#include "models/model.hpp"

namespace knowscale {

enum class Symmetry {
  orthogonal,             // one Haar matrix of O(d) on all columns
  orthogonal_by_head,     // one Haar matrix of O(d_h) for each key/value head
  knowledge_permutation,  // vectors of Z change places, also between ranks
  sequence_permutation    // tokens of X change places, outputs with them
};

std::string name_of(Symmetry symmetry);

struct SymmetryCheck {
  Symmetry symmetry;
  bool should_keep = false;  // by the table in symmetry.cpp
  double error = 0;          // largest difference over the largest output component
  double bound = 0;          // kept: at or under it; broken: above 1000 times it

  bool passed() const;
};

// All checks of the case's model on generated data (m, n small enough that every rank may hold all of it).
// Collective; the same result on every rank.
template <class T>
std::vector<SymmetryCheck> check_symmetries(const Case& c, const Communicator& comm, const Threads& threads);

}  // namespace knowscale

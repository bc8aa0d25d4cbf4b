// SPDX-License-Identifier: BSD-3-Clause
// The sequences X of a case: B sequences of n tokens of width d.
#pragma once

#include "comm/communicator.hpp"
#include "core/matrix.hpp"
#include "problem/case.hpp"

namespace knowscale {

// (B n) x d on every rank, row b n + i is token i of sequence b. From a knowledge-set file: its sentences one
// after another, cut every n tokens, from the first again when they run out; else generated. Collective;
// throws as load_knowledge.
template <class T>
Matrix<T> load_queries(const Case& c, const Communicator& comm);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// A rank's shard of a knowledge set, generated or read from a file.
#pragma once

#include "comm/communicator.hpp"
#include "core/matrix.hpp"
#include "core/partition.hpp"
#include "kernels/threads.hpp"
#include "problem/case.hpp"

namespace knowscale {

// Rows [rows.begin, rows.end) of the set of m vectors: the part that shard_range() names. May be empty.
template <class T>
struct KnowledgeShard {
  RowRange rows;
  Matrix<T> keys;             // rows x knowledge_dim
  Matrix<T> separate_values;  // rows x knowledge_dim; 0 columns where the set has keys alone

  bool has_separate_values() const { return separate_values.cols() > 0; }
  // The values: where the set has none of their own, a vector is its own value.
  MatrixView<const T> values() const { return has_separate_values() ? separate_values.view() : keys.view(); }
};

// Collective. Memory is placed by the threads that will read it. Throws Error(resource) on every rank for a file that
// cannot be read, does not fit the case, or holds NaN or Inf (the message names the row).
template <class T>
KnowledgeShard<T> load_knowledge(const Case& c, const Communicator& comm, const Threads& threads = Threads(1));

}  // namespace knowscale

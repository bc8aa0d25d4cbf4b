// SPDX-License-Identifier: BSD-3-Clause
// A rank's shard of a knowledge set, generated or read from a file.
#pragma once

#include <memory>

#include "comm/communicator.hpp"
#include "core/matrix.hpp"
#include "core/partition.hpp"
#include "core/stored_rows.hpp"
#include "kernels/attention.hpp"
#include "kernels/threads.hpp"
#include "problem/case.hpp"

namespace knowscale {

// Rows [rows.begin, rows.end) of the set of m vectors: the part that shard_range() names. May be empty.
template <class T>
struct KnowledgeShard {
  RowRange rows;
  Matrix<T> keys;             // rows x knowledge_dim
  Matrix<T> separate_values;  // rows x knowledge_dim; 0 columns where the set has keys alone
  // Where the case keeps its knowledge in 8 bits, T = float, instead of these, which have no rows; or, to screen keys
  // by, beside them.
  ByteMatrix key_bytes, value_bytes;
  std::unique_ptr<ScreenCount> screened;

  bool has_separate_values() const { return separate_values.cols() > 0; }
  // The values: where the set has none of their own, a vector is its own value. Of a shard that is not in bytes.
  MatrixView<const T> values() const { return has_separate_values() ? separate_values.view() : keys.view(); }

  bool in_bytes() const { return key_bytes.view().layout.heads > 0 && screened == nullptr; }
  // of_keys: those of all ranks.
  Screen screen(std::int64_t of_keys) const {
    return screened == nullptr ? Screen() : Screen{key_bytes.view(), of_keys, screened.get()};
  }
  StoredRows<T> stored_keys() const { return stored(keys, key_bytes); }
  StoredRows<T> stored_values() const {
    return has_separate_values() ? stored(separate_values, value_bytes) : stored_keys();
  }

 private:
  StoredRows<T> stored(const Matrix<T>& numbers, const ByteMatrix& bytes) const {
    if constexpr (std::is_same_v<T, float>) {
      if (in_bytes()) return bytes.view();
    }
    return numbers.view();
  }
};

// How the case keeps a knowledge vector in 8 bits: a scale for each head that it has as it is stored.
ByteLayout byte_layout(const Case& c);

// The shard of a case of knowledge in 8 bits, of the same shard in f32, whose memory it frees unless the case is exact.
KnowledgeShard<float> quantised(const Case& c, KnowledgeShard<float> shard, const Threads& threads);
// What its bytes stand for, as numbers.
KnowledgeShard<float> dequantised(const KnowledgeShard<float>& shard, const Threads& threads);

// Collective. Memory is placed by the threads that will read it. Throws Error(resource) on every rank for a file that
// cannot be read, does not fit the case, or holds NaN or Inf (the message names the row).
template <class T>
KnowledgeShard<T> load_knowledge(const Case& c, const Communicator& comm, const Threads& threads = Threads(1));

}  // namespace knowscale

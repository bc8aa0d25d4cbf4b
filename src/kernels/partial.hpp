// SPDX-License-Identifier: BSD-3-Clause
// The partial state of attention that kernels write and reductions merge, and its algebra: identity, merge, rescale,
// normalise.
#pragma once

#include <cstdint>
#include <span>

#include "core/matrix.hpp"
#include "kernels/attention.hpp"

namespace knowscale {

// Partial state of n queries x h heads: row i h + head holds [o_0 .. o_{dv-1} | l | m] where
//   l = sum_k exp(s_k - m),   o = sum_k exp(s_k - m) v_k   over the keys seen so far,
// and m, what the scores s_k are relative to, is their maximum or a score at most 32 log 2 below it: a kernel need not
// follow the maximum at every step, and nothing that reads a state needs to know which it is.
// Rows are contiguous, so that a row is one element of a message. The identity (no key seen) is
// o = 0, l = 0, m = -inf; lse = m + log l.
template <class T>
class Partial {
 public:
  Partial() = default;
  Partial(std::int64_t queries, const HeadShape& shape);  // set to the identity

  std::int64_t queries() const { return queries_; }
  std::int64_t heads() const { return heads_; }
  std::int64_t value_dim() const { return rows_.cols() - 2; }
  std::int64_t row_count() const { return rows_.rows(); }
  std::int64_t row_width() const { return rows_.cols(); }
  MatrixView<T> rows() { return rows_.view(); }
  MatrixView<const T> rows() const { return rows_.view(); }

 private:
  std::int64_t queries_ = 0;
  std::int64_t heads_ = 0;
  Matrix<T> rows_;
};

// Sets rows to the identity of merge().
template <class T>
void clear(MatrixView<T> rows);

// into = into merged with from, row by row; exact in real numbers, associative and commutative up to
// rounding. Two identities merge to the identity, without NaN.
template <class T>
void merge(MatrixView<T> into, MatrixView<const T> from);

// Re-expresses rows against new maxima (at least their own): o, l scaled by exp(m - maxima[i]), m set.
// A row with maxima[i] = -inf stays the identity.
template <class T>
void rescale(MatrixView<T> rows, std::span<const T> maxima);

// out row i = o / l of rows row i, 0 where no key was seen. out is rows.rows x value_dim, contiguous.
template <class T>
void normalise(MatrixView<const T> rows, MatrixView<T> out);

// The same, the rows divided between the threads.
template <class T>
void merge(MatrixView<T> into, MatrixView<const T> from, const Threads& threads);
template <class T>
void rescale(MatrixView<T> rows, std::span<const T> maxima, const Threads& threads);
// Numbers added: a merge of states that refer to the same maxima, but for the column m.
template <class T>
void add(MatrixView<T> into, MatrixView<const T> from, const Threads& threads);
template <class T>
void normalise(MatrixView<const T> rows, MatrixView<T> out, const Threads& threads);

}  // namespace knowscale

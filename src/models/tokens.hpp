// SPDX-License-Identifier: BSD-3-Clause
// The sequences as a model of attention reads them: brought together where they are sharded, widened where they are
// stored in 16 bits, and as keys.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "models/model.hpp"

namespace knowscale {

// Rows as numbers of type A; a view where they are stored so, else a copy of `wanted` rows, made anew by update().
template <class T, class A>
class As {
 public:
  As(MatrixView<const T> rows, RowRange wanted) : rows_(rows), wanted_(wanted) {
    if constexpr (!std::is_same_v<T, A>) copy_ = Matrix<A>(rows.rows, rows.cols);
  }
  void update(const Threads& threads);
  MatrixView<const A> view() const {
    if constexpr (std::is_same_v<T, A>) {
      return rows_;
    } else {
      return copy_.view();
    }
  }

 private:
  MatrixView<const T> rows_;
  RowRange wanted_;
  Matrix<A> copy_;
};

// All tokens on every rank that reads more than its own.
template <class T>
class Tokens {
 public:
  // `all`: this rank reads all tokens, not only those that it holds.
  Tokens(const Problem<T>& problem, bool all);

  // Brings what the ranks hold to all of them, where they read all and the sequence is sharded. Collective.
  void gather();
  // c.tokens() x d, rows outside readable() undefined. The same view in every run.
  MatrixView<const T> rows() const { return gathers_ ? gathered_.view() : problem_.queries; }
  // Those that this rank reads: all, or its own.
  RowRange readable() const { return readable_; }
  // Those that are this rank's keys.
  RowRange own() const { return own_; }

 private:
  Problem<T> problem_;
  bool gathers_;
  RowRange own_, readable_;
  std::vector<RowRange> shards_;
  Matrix<T> gathered_;
};

// Tokens as keys of their own sequence. Grouped query heads share keys: the mean of the group's heads (as Ainslie et
// al. 2023 make grouped heads of single ones), rounded as tokens are stored.
template <class T>
class TokenKeys {
 public:
  // tokens: c.tokens() x d, of which those of rank `rank` are read.
  TokenKeys(const Case& c, int rank, MatrixView<const T> tokens);

  // Pools the heads of a group, where a group has several.
  void update(const Threads& threads);
  // The rank's own tokens as keys: c.token_shard() x (kv_heads d_h). The same view in every run.
  MatrixView<const T> rows() const { return pooled_.cols() > 0 ? pooled_.view() : own_rows_; }

 private:
  HeadShape shape_;
  MatrixView<const T> own_rows_;
  Matrix<T> pooled_;
};

}  // namespace knowscale

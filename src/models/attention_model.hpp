// SPDX-License-Identifier: BSD-3-Clause
// What the models of attention have in common: tokens, keys and values as sources of a softmax, softmaxes as reductions
// run them, and the rows of the result. Each model is then its formula on top of these.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/threads.hpp"
#include "models/model.hpp"
#include "models/tokens.hpp"

namespace knowscale {

// T: as tokens and knowledge are stored; the softmaxes of a model that maps them first are of Accumulator<T>.
template <class T>
class AttentionModel : public PreparedModel<T> {
 protected:
  using A = Accumulator<T>;

  AttentionModel(const Problem<T>& problem, const Backend& backend)
      : problem_(problem),
        backend_(backend),
        sequences_(problem.c.sequences()),
        tokens_(problem, !backend.reduction->own_queries),
        rows_(backend.reduction->result_rows(problem.c.options.placement, problem.queries.rows, problem.comm.size(),
                                             problem.comm.rank())),
        output_(problem.queries.rows, problem.c.d) {}

  Output<A> output() const override { return {rows_, output_.view().slice_rows(rows_)}; }

  // The knowledge, or rows made of it, under a softmax.
  template <class N>
  ShardedKeys<N> knowledge_keys(const StoredRows<N>& keys, const StoredRows<N>& values) const {
    return {{keys, values, {}, {}}, shard_ranges(problem_.c.m, problem_.comm.size(), problem_.c.shard_granule())};
  }
  // The knowledge as it is stored.
  ShardedKeys<T> stored_knowledge() const {
    ShardedKeys<T> all = knowledge_keys(problem_.knowledge.stored_keys(), problem_.knowledge.stored_values());
    all.own.screen = problem_.knowledge.screen(problem_.c.m);
    return all;
  }
  // This rank's own tokens, or rows made of them.
  template <class N>
  ShardedKeys<N> token_keys(MatrixView<const N> keys, MatrixView<const N> values) const {
    Mask mask;
    mask.causal = problem_.c.causal;
    mask.first_key = tokens_.own().begin;
    if (sequences_.size() > 1) mask.sequences = sequences_;
    return {{keys, values, mask, {}},
            shard_ranges(problem_.queries.rows, problem_.comm.size(), problem_.c.shard_granule())};
  }

  // One softmax of these queries (all tokens' rows) over the sources; views are read in every run. N: T, or
  // Accumulator<T> where they are rows that the model has made.
  template <class N>
  std::unique_ptr<PreparedAttention<N>> softmax(MatrixView<const N> queries,
                                                std::vector<ShardedKeys<N>> sources) const {
    ReductionOptions options = problem_.c.options;
    options.placement = backend_.reduction->placement(options.placement);
    const AttentionInput<N> input = {queries, {}, {}, problem_.c.head_shape(), problem_.c.scale, {}, problem_.c.tiles};
    const ShardedAttention<N> attention = {problem_.comm, problem_.threads,   *backend_.kernel,
                                           input,         std::move(sources), options};
    return backend_.reduction->prepare(attention);
  }

  // The result's rows += those of `more`, which lie where they do.
  void add_to_output(const Matrix<A>& more) {
    problem_.threads.parallel_for(problem_.threads.count(), [&](std::int64_t part) {
      const RowRange mine = row_range(rows_.size(), problem_.threads.count(), part);
      A* to = output_.row(rows_.begin + mine.begin);
      const A* from = more.row(rows_.begin + mine.begin);
      for (std::int64_t i = 0; i < mine.size() * output_.cols(); ++i) to[i] += from[i];
    });
  }

  Problem<T> problem_;
  Backend backend_;
  std::vector<RowRange> sequences_;
  Tokens<T> tokens_;
  RowRange rows_;     // of the result, this rank's
  Matrix<A> output_;  // all rows, of which rows_ are defined
};

inline Phases operator+(const Phases& a, const Phases& b) {
  return {a.compute + b.compute, a.waited + b.waited, a.hidden + b.hidden, a.copied + b.copied};
}

}  // namespace knowscale

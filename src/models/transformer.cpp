// SPDX-License-Identifier: BSD-3-Clause
#include "models/transformer.hpp"

#include "comm/clock.hpp"
#include "kernels/threads.hpp"
#include "models/attention_model.hpp"
#include "models/prepared.hpp"
#include "models/projection.hpp"
#include "problem/weights.hpp"

namespace knowscale::transformer_model {
namespace {

template <class T>
class Prepared : public AttentionModel<T> {
  using A = Accumulator<T>;

 public:
  Prepared(const Problem<T>& problem, const Backend& backend)
      : AttentionModel<T>(problem, backend),
        weights_(make_projection_weights<A>(problem.c.seed, problem.c.d, kv_width())),
        queries_(problem.queries.rows, problem.c.d),
        token_keys_(this->tokens_.own().size(), kv_width()),
        token_values_(token_keys_.rows(), kv_width()),
        keys_(problem.knowledge.stored_keys().rows, kv_width()),
        values_(keys_.rows(), kv_width()),
        mixed_(problem.queries.rows, problem.c.d),
        attended_(problem.queries.rows, problem.c.d),
        to_sequence_(this->template softmax<A>(constant(queries_),
                                               {this->token_keys(constant(token_keys_), constant(token_values_))})),
        to_knowledge_(this->template softmax<A>(
            constant(queries_), {this->template knowledge_keys<A>(constant(keys_), constant(values_))})) {}

  Phases run() override {
    this->tokens_.gather();
    Phases phases;
    double start = now();
    project_all();
    phases.compute += now() - start;
    phases = phases + to_sequence_->run(mixed_.view()) + to_knowledge_->run(attended_.view());
    start = now();
    combine();
    phases.compute += now() - start;
    return phases;
  }

 private:
  std::int64_t kv_width() const { return this->problem_.c.kv_heads * this->problem_.c.head_dim(); }
  static MatrixView<const A> constant(const Matrix<A>& matrix) { return matrix.view(); }

  void to(const StoredRows<T>& from, const Matrix<A>& weights, Matrix<A>& rows, RowRange range) {
    project<T, A>(from, weights.view(), rows.view(), range, projected_rows(this->problem_.c), this->problem_.threads);
  }

  void project_all() {
    const MatrixView<const T> tokens = this->tokens_.rows(), own = tokens.slice_rows(this->tokens_.own());
    to(tokens, weights_.query, queries_, this->tokens_.readable());
    to(own, weights_.key, token_keys_, {0, own.rows});
    to(own, weights_.value, token_values_, {0, own.rows});
    const KnowledgeShard<T>& knowledge = this->problem_.knowledge;
    to(knowledge.stored_keys(), weights_.key, keys_, {0, keys_.rows()});
    to(knowledge.stored_values(), weights_.value, values_, {0, keys_.rows()});
  }

  // Both halves of the result's rows, through W_O.
  void combine() {
    const Threads& threads = this->problem_.threads;
    threads.parallel_for(this->rows_.size(), [&](std::int64_t i) {
      A* row = mixed_.row(this->rows_.begin + i);
      const A* more = attended_.row(this->rows_.begin + i);
      for (std::int64_t c = 0; c < mixed_.cols(); ++c) row[c] += more[c];
    });
    const std::int64_t at_once = projected_rows(this->problem_.c);
    RowRange range = this->rows_;
    if (this->problem_.c.fixed_bits()) {  // whole blocks, so that bits do not depend on the borders of ranks
      range = {range.begin / at_once * at_once, std::min((range.end + at_once - 1) / at_once * at_once, mixed_.rows())};
    }
    project<A, A>(constant(mixed_), weights_.output.view(), this->output_.view(), range, at_once, threads);
  }

  ProjectionWeights<A> weights_;
  Matrix<A> queries_;                    // X W_Q
  Matrix<A> token_keys_, token_values_;  // own rows of X W_K, X W_V
  Matrix<A> keys_, values_;              // K W_K, V W_V of this rank's shard
  Matrix<A> mixed_, attended_;           // by the sequence, by the knowledge
  std::unique_ptr<PreparedAttention<A>> to_sequence_, to_knowledge_;
};

}  // namespace

constinit const ByPrecision<PrepareModel> prepare = prepared<Prepared>();

}  // namespace knowscale::transformer_model

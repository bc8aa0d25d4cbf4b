// SPDX-License-Identifier: BSD-3-Clause
// G1 of `moment` and `equivariant`: rowsoftmax(b (X A) X^T) (X B), attention of a sequence to itself in the metric A
// and through the map B that the knowledge makes.
#pragma once

#include <array>
#include <memory>

#include "comm/clock.hpp"
#include "models/attention_model.hpp"
#include "models/knowledge_moments.hpp"
#include "models/projection.hpp"

namespace knowscale {

template <class T>
class MomentAttention : public AttentionModel<T> {
 protected:
  using A = Accumulator<T>;

  MomentAttention(const Problem<T>& problem, const Backend& backend)
      : AttentionModel<T>(problem, backend),
        moments_(problem, kKinds, backend.kernel->engine()),
        wide_(this->tokens_.rows(), this->tokens_.readable()),
        keys_(problem.c, problem.comm.rank(), wide_.view()),
        queries_(problem.queries.rows, problem.c.d),
        values_(keys_.rows().rows, keys_.rows().cols),
        attention_(this->template softmax<A>(queries_.view(),
                                             {this->token_keys(keys_.rows(), std::as_const(values_).view())})) {}

  // Writes G1 X to the output.
  Phases attend_in_moments() {
    this->tokens_.gather();
    Phases phases = moments_.update();
    const double start = now();
    map_tokens();
    phases.compute += now() - start;
    return phases + attention_->run(this->output_.view());
  }

 private:
  static constexpr std::array kKinds = {kMetric, kMap};

  void map_tokens() {
    const Threads& threads = this->problem_.threads;
    const HeadShape shape = this->problem_.c.head_shape();
    const std::int64_t width = shape.key_dim, rows_at_once = projected_rows(this->problem_.c);
    wide_.update(threads);
    keys_.update(threads);
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      project<A, A>(wide_.view().slice_cols(head * width, width), moments_.of(0, shape.kv_head_of(head)),
                    queries_.view().slice_cols(head * width, width), this->tokens_.readable(), rows_at_once, threads);
    }
    for (std::int64_t head = 0; head < shape.kv_heads; ++head) {
      project<A, A>(keys_.rows().slice_cols(head * width, width), moments_.of(1, head),
                    values_.view().slice_cols(head * width, width), {0, values_.rows()}, rows_at_once, threads);
    }
  }

  KnowledgeMoments<T> moments_;
  As<T, A> wide_;      // X
  TokenKeys<A> keys_;  // own rows of X, grouped heads pooled
  Matrix<A> queries_;  // X A
  Matrix<A> values_;   // own rows of X B
  std::unique_ptr<PreparedAttention<A>> attention_;
};

}  // namespace knowscale

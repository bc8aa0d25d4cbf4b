// SPDX-License-Identifier: BSD-3-Clause
#include "models/equivariant.hpp"

#include "models/moment_attention.hpp"
#include "models/prepared.hpp"

namespace knowscale::equivariant_model {
namespace {

template <class T>
class Prepared : public MomentAttention<T> {
 public:
  Prepared(const Problem<T>& problem, const Backend& backend)
      : MomentAttention<T>(problem, backend),
        attention_(this->template softmax<T>(this->tokens_.rows(), {this->stored_knowledge()})),
        attended_(this->output_.rows(), this->output_.cols()) {}

  Phases run() override {
    const Phases to_sequence = this->attend_in_moments();
    Phases to_knowledge = attention_->run(attended_.view());
    const double start = now();
    this->add_to_output(attended_);
    to_knowledge.compute += now() - start;
    return to_sequence + to_knowledge;
  }

 private:
  std::unique_ptr<PreparedAttention<T>> attention_;
  Matrix<Accumulator<T>> attended_;  // G2 Z
};

}  // namespace

constinit const ByPrecision<PrepareModel> prepare = prepared<Prepared>();

}  // namespace knowscale::equivariant_model

// SPDX-License-Identifier: BSD-3-Clause
#include "models/equivariant.hpp"

#include "models/moment_attention.hpp"

namespace knowscale::equivariant_model {
namespace {

template <class T>
class Prepared : public MomentAttention<T> {
 public:
  Prepared(const Problem<T>& problem, const Backend<T>& backend)
      : MomentAttention<T>(problem, backend),
        attention_(this->softmax(this->tokens_.rows(),
                                 {this->knowledge_keys(problem.knowledge.keys.view(), problem.knowledge.values())})),
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

template <class T>
std::unique_ptr<PreparedModel<T>> prepare(const Problem<T>& problem, const Backend<T>& backend) {
  return std::make_unique<Prepared<T>>(problem, backend);
}

template std::unique_ptr<PreparedModel<float>> prepare(const Problem<float>&, const Backend<float>&);
template std::unique_ptr<PreparedModel<double>> prepare(const Problem<double>&, const Backend<double>&);
template std::unique_ptr<PreparedModel<Bf16>> prepare(const Problem<Bf16>&, const Backend<Bf16>&);
template std::unique_ptr<PreparedModel<F16>> prepare(const Problem<F16>&, const Backend<F16>&);

}  // namespace knowscale::equivariant_model

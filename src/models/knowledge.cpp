// SPDX-License-Identifier: BSD-3-Clause
#include "models/knowledge.hpp"

#include "models/attention_model.hpp"

namespace knowscale::knowledge_model {
namespace {

template <class T>
class Prepared : public AttentionModel<T> {
 public:
  Prepared(const Problem<T>& problem, const Backend<T>& backend)
      : AttentionModel<T>(problem, backend),
        attention_(this->softmax(this->tokens_.rows(),
                                 {this->knowledge_keys(problem.knowledge.keys.view(), problem.knowledge.values())})) {}

  Phases run() override {
    this->tokens_.gather();
    return attention_->run(this->output_.view());
  }

 private:
  std::unique_ptr<PreparedAttention<T>> attention_;
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

}  // namespace knowscale::knowledge_model

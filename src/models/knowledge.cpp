// SPDX-License-Identifier: BSD-3-Clause
#include "models/knowledge.hpp"

#include "models/attention_model.hpp"
#include "models/prepared.hpp"

namespace knowscale::knowledge_model {
namespace {

template <class T>
class Prepared : public AttentionModel<T> {
 public:
  Prepared(const Problem<T>& problem, const Backend& backend)
      : AttentionModel<T>(problem, backend),
        attention_(this->template softmax<T>(
            this->tokens_.rows(), {this->knowledge_keys(problem.knowledge.keys.view(), problem.knowledge.values())})) {}

  Phases run() override {
    this->tokens_.gather();
    return attention_->run(this->output_.view());
  }

 private:
  std::unique_ptr<PreparedAttention<T>> attention_;
};

}  // namespace

constinit const ByPrecision<PrepareModel> prepare = prepared<Prepared>();

}  // namespace knowscale::knowledge_model

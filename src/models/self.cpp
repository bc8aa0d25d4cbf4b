// SPDX-License-Identifier: BSD-3-Clause
#include "models/self.hpp"

#include "models/attention_model.hpp"
#include "models/prepared.hpp"

namespace knowscale::self_model {
namespace {

template <class T>
class Prepared : public AttentionModel<T> {
 public:
  Prepared(const Problem<T>& problem, const Backend& backend)
      : AttentionModel<T>(problem, backend),
        keys_(problem.c, problem.comm.rank(), this->tokens_.rows()),
        attention_(this->template softmax<T>(this->tokens_.rows(), {this->token_keys(keys_.rows(), keys_.rows())})) {}

  Phases run() override {
    this->tokens_.gather();
    keys_.update(this->problem_.threads);
    return attention_->run(this->output_.view());
  }

 private:
  TokenKeys<T> keys_;
  std::unique_ptr<PreparedAttention<T>> attention_;
};

}  // namespace

constinit const ByPrecision<PrepareModel> prepare = prepared<Prepared>();

}  // namespace knowscale::self_model

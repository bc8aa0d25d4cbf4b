// SPDX-License-Identifier: BSD-3-Clause
// A model that is one softmax: its output is what the tokens' queries see of some keys, which the model names.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "models/attention_model.hpp"
#include "models/prepared.hpp"

namespace knowscale {

template <class T>
class OneSoftmax : public AttentionModel<T> {
 public:
  Phases run() override {
    this->tokens_.gather();
    if (tokens_as_keys_) tokens_as_keys_->update(this->problem_.threads);
    return attention_->run(this->output_.view());
  }

 protected:
  using AttentionModel<T>::AttentionModel;

  // Tokens as keys and values of their own sequence.
  ShardedKeys<T> own_tokens() {
    tokens_as_keys_.emplace(this->problem_.c, this->problem_.comm.rank(), this->tokens_.rows());
    return this->token_keys(tokens_as_keys_->rows(), tokens_as_keys_->rows());
  }
  void attend_to(std::vector<ShardedKeys<T>> sources) {
    attention_ = this->template softmax<T>(this->tokens_.rows(), std::move(sources));
  }

 private:
  std::optional<TokenKeys<T>> tokens_as_keys_;
  std::unique_ptr<PreparedAttention<T>> attention_;
};

}  // namespace knowscale

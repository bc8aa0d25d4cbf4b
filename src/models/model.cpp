// SPDX-License-Identifier: BSD-3-Clause
// The table of models: a new one is a file and a line here.
#include "models/model.hpp"

#include <array>

#include "core/named.hpp"
#include "models/equivariant.hpp"
#include "models/joint.hpp"
#include "models/knowledge.hpp"
#include "models/linear.hpp"
#include "models/lstm.hpp"
#include "models/moment.hpp"
#include "models/self.hpp"
#include "models/transformer.hpp"

namespace knowscale {
namespace {

constexpr Softmax kTokens = {.sequence = true};
constexpr Softmax kMappedTokens = {.sequence = true, .separate_values = true};
constexpr Softmax kKnowledge = {.knowledge = true};
constexpr Softmax kBoth = {.sequence = true, .knowledge = true};

template <class T>
constexpr std::array<Model<T>, 7> kAttentionModels = {{
    {"knowledge", {{kKnowledge}, 1}, knowledge_model::prepare<T>},
    {"self", {{kTokens}, 1}, self_model::prepare<T>},
    {"joint", {{kBoth}, 1}, joint_model::prepare<T>},
    {"moment", {{kMappedTokens}, 1, 2}, moment_model::prepare<T>},
    {"linear", {{}, 0, 1}, linear_model::prepare<T>},
    {"equivariant", {{kMappedTokens, kKnowledge}, 2, 2}, equivariant_model::prepare<T>},
    {"transformer",
     {.softmaxes = {kMappedTokens, kKnowledge}, .softmax_count = 2, .projected = true},
     transformer_model::prepare<T>},
}};

}  // namespace

template <class T>
std::span<const Model<T>> models() {
  if constexpr (sizeof(T) == 2) {  // the LSTM computes in the format it stores
    return kAttentionModels<T>;
  } else {
    static constexpr auto table = [] {
      std::array<Model<T>, 8> all{};
      std::copy(kAttentionModels<T>.begin(), kAttentionModels<T>.end(), all.begin());
      all.back() = {"lstm", {.heads = false, .recurrent = true}, lstm_model::prepare<T>};
      return all;
    }();
    return table;
  }
}

template <class T>
const Model<T>& model_by_name(std::string_view name) {
  return entry_by_name(models<T>(), "model", name);
}

template <class T>
Backend<T> backend_of(const Case& c) {
  if (!model_by_name<T>(c.model).structure.attends()) return {};
  return {&kernel_by_name<T>(c.kernel), &reduction_by_name<T>(c.reduction)};
}

template std::span<const Model<float>> models();
template const Model<float>& model_by_name(std::string_view);
template Backend<float> backend_of(const Case&);
template std::span<const Model<double>> models();
template const Model<double>& model_by_name(std::string_view);
template Backend<double> backend_of(const Case&);
template std::span<const Model<Bf16>> models();
template const Model<Bf16>& model_by_name(std::string_view);
template Backend<Bf16> backend_of(const Case&);
template std::span<const Model<F16>> models();
template const Model<F16>& model_by_name(std::string_view);
template Backend<F16> backend_of(const Case&);

}  // namespace knowscale

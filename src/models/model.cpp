// SPDX-License-Identifier: BSD-3-Clause
// The table of models: a new one is a file and a line here.
#include "models/model.hpp"

#include <array>

#include "core/named.hpp"
#include "kernels/engine.hpp"
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

}  // namespace

std::span<const Model> models() {
  static const std::array<Model, 8> table = {{
      {"knowledge", {{kKnowledge}, 1}, knowledge_model::prepare},
      {"self", {{kTokens}, 1}, self_model::prepare},
      {"joint", {{kBoth}, 1}, joint_model::prepare},
      {"moment", {{kMappedTokens}, 1, 2}, moment_model::prepare},
      {"linear", {{}, 0, 1}, linear_model::prepare},
      {"equivariant", {{kMappedTokens, kKnowledge}, 2, 2}, equivariant_model::prepare},
      {"transformer",
       {.softmaxes = {kMappedTokens, kKnowledge}, .softmax_count = 2, .projected = true},
       transformer_model::prepare},
      {"lstm", {.heads = false, .recurrent = true}, lstm_model::prepare},
  }};
  return table;
}

const Model& model_by_name(std::string_view name) { return entry_by_name(models(), "model", name); }

void use_reduction(Case& c, const Reduction& reduction, const ReductionOptions& options) {
  c.reduction = reduction.name;
  c.options = heeded(options, reduction.heeds);
}

Backend backend_of(const Case& c) {
  if (!model_by_name(c.model).structure.attends()) return {};
  return {&kernel_by_name(c.kernel), &reduction_by_name(c.reduction)};
}

const Engine& engine_of(const Case& c) {
  return c.kernel == kUnused ? host_engine() : kernel_by_name(c.kernel).engine();
}

}  // namespace knowscale

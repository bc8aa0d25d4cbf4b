// SPDX-License-Identifier: BSD-3-Clause
// The table of models: what is measured. A model is prepared once a case and then run again and again.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "comm/communicator.hpp"
#include "comm/phases.hpp"
#include "comm/reduction.hpp"
#include "core/matrix.hpp"
#include "kernels/kernel.hpp"
#include "kernels/threads.hpp"
#include "problem/case.hpp"
#include "problem/knowledge.hpp"

namespace knowscale {

// What a model works on; views and references that outlive it.
template <class T>
struct Problem {
  const Case& c;
  const KnowledgeShard<T>& knowledge;  // empty where the model reads none
  MatrixView<const T> queries;         // c.tokens() x d, as load_queries() gives them
  const Communicator& comm;
  const Threads& threads;
};

// This rank's part of the output: rows `rows` of the c.tokens() x d result. T: what the model computes in.
template <class T>
struct Output {
  RowRange rows;
  MatrixView<const T> values;  // rows.size() x d; valid until the next run
};

template <class T>
class PreparedModel {
 public:
  virtual ~PreparedModel() = default;
  // Computes the output once more. Collective over the problem's communicator, blocking.
  virtual Phases run() = 0;
  // Of the last run.
  virtual Output<Accumulator<T>> output() const = 0;
};

// The attention back end of a case; a model that does not attend ignores it.
struct Backend {
  const Kernel* kernel = nullptr;
  const Reduction* reduction = nullptr;
};

// One softmax of a model, and the keys that it goes over.
struct Softmax {
  bool sequence = false;         // tokens of the query's own sequence
  bool knowledge = false;        // every knowledge vector
  bool separate_values = false;  // of tokens: they are not their own values
};

// What a model is made of, and so what of a case it heeds, what it costs, and which checks apply.
struct Structure {
  std::array<Softmax, 2> softmaxes = {};
  int softmax_count = 0;
  int moments = 0;         // d_h x d_h moments of the knowledge, a key/value head
  bool heads = true;       // heads and kv_heads; the LSTM has none
  bool projected = false;  // fixed matrices before and after
  bool recurrent = false;  // a hidden state

  std::span<const Softmax> all() const { return std::span(softmaxes).first(static_cast<std::size_t>(softmax_count)); }
  bool attends() const { return softmax_count > 0; }                                        // kernel, reduction, scale
  bool sees_sequence() const { return softmaxes[0].sequence || softmaxes[1].sequence; }     // causal
  bool sees_knowledge() const { return softmaxes[0].knowledge || softmaxes[1].knowledge; }  // vector by vector
  bool reads_knowledge() const { return sees_knowledge() || moments > 0 || recurrent; }
  // What a run makes of the knowledge once, whatever the number of sequences.
  bool reuses() const { return moments > 0 || projected || recurrent; }
};

template <class T>
using PrepareModel = std::unique_ptr<PreparedModel<T>>(const Problem<T>& problem, const Backend& backend);

struct Model {
  std::string_view name;
  Structure structure = {};
  ByPrecision<PrepareModel> prepare = {};

  // With knowledge of that precision.
  bool computes(Precision precision) const {
    return prepare.has(unscaled(precision)) &&
           (!in_bytes(precision) || (structure.reads_knowledge() && !structure.recurrent));
  }
};

// All models of this build, in the order of their table in the README.
std::span<const Model> models();

// The model of that name. Throws Error(usage) that lists the names there are.
const Model& model_by_name(std::string_view name);

// Makes the case use that reduction, with those of the options that it heeds.
void use_reduction(Case& c, const Reduction& reduction, const ReductionOptions& options = {});

// Looks up what the case names; nothing for a model that does not attend. Throws Error(usage).
Backend backend_of(const Case& c);
// Where the case computes: where its kernel does, on the host where it has none.
const Engine& engine_of(const Case& c);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// The table of models: what is measured. A model is prepared once a case and then run again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "comm/communicator.hpp"
#include "comm/phases.hpp"
#include "comm/reduction.hpp"
#include "core/matrix.hpp"
#include "kernels/attention.hpp"
#include "kernels/threads.hpp"
#include "problem/case.hpp"
#include "problem/knowledge.hpp"

namespace knowscale {

// What a model works on; views and references that outlive it.
template <class T>
struct Problem {
  const Case& c;
  const KnowledgeShard<T>& knowledge;
  MatrixView<const T> queries;  // (B n) x d, row b n + i is token i of sequence b; the same on every rank
  const Communicator& comm;
  const Threads& threads;
};

// This rank's part of the output: rows `rows` of the (B n) x d result. T: what the model computes in.
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
template <class T>
struct Backend {
  const Kernel<T>* kernel = nullptr;
  const Reduction<T>* reduction = nullptr;
};

// What one run of a case costs, over all ranks unless said.
struct Cost {
  double flops = 0;
  double bytes_read = 0;   // by one rank: its shard, once
  double bytes_sent = 0;   // by the rank that sends most
  double messages = 0;     // likewise
  double state_bytes = 0;  // memory of one rank beyond shard and queries
};

template <class T>
struct Model {
  std::string_view name;
  bool attends;    // uses kernel, reduction, heads
  bool recurrent;  // uses hidden
  std::unique_ptr<PreparedModel<T>> (*prepare)(const Problem<T>& problem, const Backend<T>& backend);
  Cost (*cost)(const Case& c, const Backend<T>& backend);
};

// All models of this build for numbers stored as T, in the order of their table in the README.
template <class T>
std::span<const Model<T>> models();

// The model of that name. Throws Error(usage) that lists the names there are.
template <class T>
const Model<T>& model_by_name(std::string_view name);

// What the reduction of an attending case is asked to merge.
ReductionShape reduction_shape(const Case& c);

// Makes the case use that reduction, with those of the options that it heeds.
template <class T>
void use_reduction(Case& c, const Reduction<T>& reduction, const ReductionOptions& options = {}) {
  c.reduction = reduction.name;
  c.options = heeded(options, reduction.heeds);
}

// Looks up what the case names. Throws Error(usage).
template <class T>
Backend<T> backend_of(const Case& c);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Cases whose kernel runs on the device of each rank, and their outputs.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/engine.hpp"
#include "kernels/threads.hpp"
#include "models/model.hpp"
#include "problem/sequence.hpp"

namespace knowscale {

enum class Knowledge {
  copied,     // to the device in every run
  kept,       // there from the start
  kept_alone  // the same, and the host's rows are then 0: only what reads those of the device gives the right output
};

// The shard's rows on the device, as long as what is returned lives.
template <class T>
std::vector<std::shared_ptr<const void>> keep(const Case& c, KnowledgeShard<T>& shard, Knowledge knowledge) {
  if (knowledge == Knowledge::copied) return {};
  const std::int64_t heads = c.heads == 0 || c.projected ? 1 : c.kv_heads, head_dim = c.knowledge_dim() / heads;
  std::vector<std::shared_ptr<const void>> kept;
  for (Matrix<T>* rows : {&shard.keys, &shard.separate_values}) {
    kept.push_back(engine_of_devices()->keep(std::as_const(*rows).view(), heads, head_dim));
    if (knowledge == Knowledge::kept_alone) std::ranges::fill(rows->span(), T(0.0f));
  }
  return kept;
}

// A case with nothing but the model, the precision and the sizes set: 4 heads of 6 columns, which a device pads, on 2
// key/value heads; sequences of 9, 1, 6 and 2 tokens, and 43 vectors, so that shards are uneven.
template <class T>
Case small_case(const Communicator& comm, const Model& model) {
  Case c;
  c.model = model.name;
  c.projected = model.structure.projected;
  c.precision = precision_of<T>;
  c.n = 9;
  c.m = model.structure.reads_knowledge() ? 43 : 0;
  c.d = 24;
  c.heads = 4;
  c.kv_heads = 2;
  c.batch = 4;
  c.lengths = Lengths::random;
  c.unequal = {9, 1, 6, 2};
  c.scale = 0.4;
  c.ranks = comm.size();
  c.causal = model.structure.sees_sequence();
  return c;
}

// Of one run.
template <class T>
double seconds_of_copies(const Case& c, const Communicator& comm) {
  const KnowledgeShard<T> shard = load_knowledge<T>(c, comm);
  const Matrix<T> queries = load_queries<T>(c, comm);
  const Threads threads(c.threads);
  const Problem<T> problem = {c, shard, queries.view(), comm, threads};
  return model_by_name(c.model).prepare(problem, backend_of(c))->run().copied;
}

// The whole output of a second run on every rank: it must not see the first one's state.
template <class T>
Matrix<Accumulator<T>> device_output(const Case& c, const Communicator& comm, Knowledge knowledge = Knowledge::copied) {
  using A = Accumulator<T>;
  KnowledgeShard<T> shard = load_knowledge<T>(c, comm);
  const Matrix<T> queries = load_queries<T>(c, comm);
  const Threads threads(c.threads);
  const Problem<T> problem = {c, shard, queries.view(), comm, threads};
  const auto kept = keep(c, shard, knowledge);
  const auto prepared = model_by_name(c.model).prepare(problem, backend_of(c));
  prepared->run();
  prepared->run();
  const Output<A> output = prepared->output();
  Matrix<A> all(c.tokens(), c.d);
  std::fill_n(all.data(), all.size(), -std::numeric_limits<A>::infinity());
  std::copy_n(output.values.data, output.values.size(), all.row(output.rows.begin));
  comm.allreduce(all.span(), Combine::maximum);
  return all;
}

}  // namespace knowscale

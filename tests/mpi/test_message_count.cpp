// SPDX-License-Identifier: BSD-3-Clause
// The formulas of the reductions against what is really sent.
#include "comm/message_count.hpp"

#include <gtest/gtest.h>

#include <string>

#include "kernels/threads.hpp"
#include "models/cost.hpp"
#include "problem/sequence.hpp"
#include "ranks.hpp"

namespace knowscale {
namespace {

Traffic most_sent(const Communicator& comm, const Traffic& before, const Traffic& after) {
  return {comm.allreduce(after.messages - before.messages, Combine::maximum),
          comm.allreduce(after.bytes - before.bytes, Combine::maximum)};
}

template <class T>
void expect_formula(const Communicator& comm, Case c) {
  const Threads threads(1);
  const KnowledgeShard<T> knowledge = load_knowledge<T>(c, comm, threads);
  const Matrix<T> queries = load_queries<T>(c, comm);
  const Problem<T> problem = {c, knowledge, queries.view(), comm, threads};
  const Model& model = model_by_name(c.model);
  const auto prepared = model.prepare(problem, backend_of(c));
  prepared->run();
  const Traffic before = counted_traffic().value();
  prepared->run();
  const Traffic sent = most_sent(comm, before, counted_traffic().value());
  const Cost cost = cost_of(c, model.structure, backend_of(c));
  EXPECT_EQ(cost.messages, sent.messages);
  EXPECT_NEAR(cost.bytes_sent, sent.bytes, 1e-3);  // of allreduces: fractions
}

Case some_case(const Communicator& comm, std::int64_t n, std::int64_t m) {
  Case c;
  c.model = "knowledge";
  c.n = n;
  c.m = m;
  c.d = 24;
  c.heads = 4;
  c.kv_heads = 2;
  c.scale = 1;
  c.ranks = comm.size();
  return c;
}

template <class T>
void expect_formulas(std::int64_t n, std::int64_t m, Precision precision = precision_of<T>) {
  for_rank_counts([&](const Communicator& comm) {
    for (const Reduction& reduction : reductions()) {
      for (const Placement placement : {Placement::natural, Placement::replicated, Placement::sharded}) {
        for (const std::int64_t tile : {0, 7, 300}) {
          Case c = some_case(comm, n, m);
          c.precision = precision;
          use_reduction(
              c, reduction,
              {.placement = placement, .overlap = tile == 7, .query_tile = tile, .chunk = 16, .node_size = 3});
          SCOPED_TRACE(std::string(reduction.name) + " " + std::string(name_of(placement)) + " n " + std::to_string(n) +
                       " tile " + std::to_string(tile));
          expect_formula<T>(comm, c);
        }
      }
    }
  });
}

TEST(MessageCount, IsWhatTheFormulasSay) {
  expect_formulas<float>(37, 250);
  expect_formulas<double>(600, 90);
}
TEST(MessageCount, IsWhatTheFormulasSayOfHalfPrecision) { expect_formulas<Bf16>(20, 250); }
TEST(MessageCount, IsWhatTheFormulasSayOfBytes) { expect_formulas<float>(37, 250, Precision::int8); }
TEST(MessageCount, IsWhatTheFormulasSayOfFewerQueriesThanRanks) { expect_formulas<float>(3, 5); }

void use_lstm(Case& c) {
  c.heads = c.kv_heads = 1;
  c.hidden = 5;
}

// Every model that exchanges with every reduction.
void expect_formulas_of_models(std::int64_t n, std::int64_t m, std::int64_t batch, Precision precision) {
  for_rank_counts([&](const Communicator& comm) {
    for (const Model& model : models()) {
      if (!model.computes(precision)) continue;
      for (const Placement sequence : {Placement::replicated, Placement::sharded}) {
        if (sequence == Placement::sharded && n * batch < comm.size()) continue;  // refused by expand()
        for (const Placement placement : {Placement::natural, Placement::replicated}) {
          Case c = some_case(comm, n, model.structure.reads_knowledge() ? m : 0);
          c.batch = batch;
          c.model = model.name;
          c.precision = precision;
          c.projected = model.structure.projected;
          c.sequence = sequence;
          c.options = {.placement = placement, .chunk = 0};
          if (model.structure.recurrent) use_lstm(c);
          if (!model.structure.attends()) {
            expect_formula<float>(comm, c);
            continue;
          }
          for (const Reduction& reduction : reductions()) {
            SCOPED_TRACE(std::string(model.name) + " " + std::string(reduction.name));
            use_reduction(c, reduction, {.placement = placement, .chunk = 16, .node_size = 3});
            expect_formula<float>(comm, c);
          }
        }
      }
    }
  });
}

// Moments, tokens brought together, gathered results, several softmaxes and sources; one token, fewer sequences, tokens
// and vectors than ranks.
TEST(MessageCount, IsWhatTheFormulasSayOfEveryModel) {
  expect_formulas_of_models(37, 250, 1, Precision::f32);
  expect_formulas_of_models(1, 2, 3, Precision::f32);
  expect_formulas_of_models(37, 250, 1, Precision::fp8);
}

TEST(MessageCount, CountsAMessageOnce) {
  const Communicator world = Communicator::world();
  const Traffic before = counted_traffic().value();
  double number = 1;
  if (world.rank() == 1) world.send(std::span<const double>(&number, 1), 0);
  if (world.rank() == 0) world.receive(std::span<double>(&number, 1), 1);
  const Traffic after = counted_traffic().value();
  EXPECT_EQ(after.messages - before.messages, world.rank() == 1 ? 1 : 0);
  EXPECT_EQ(after.bytes - before.bytes, world.rank() == 1 ? 8 : 0);
}

TEST(Traffic, FormulasGiveTheNumbersOfTheDesign) {
  ReductionShape shape;
  shape.ranks = 8;
  shape.queries = 512;
  shape.keys = {{65536, true}};
  shape.heads = {1, 1, 64, 64};
  const double state = 512 * 66 * 4, maxima = 512 * 4, share = 7.0 / 8;
  const auto bytes = [&](const char* name) { return cost_of(reduction_by_name(name), shape).sent.bytes; };
  EXPECT_DOUBLE_EQ(shape.whole_state(), state);
  EXPECT_DOUBLE_EQ(bytes("packed"), 2 * share * state);
  EXPECT_DOUBLE_EQ(bytes("two_phase"), 3 * maxima + 2 * share * state);
  EXPECT_DOUBLE_EQ(bytes("reduce_scatter"), 3 * maxima + share * state);
  EXPECT_DOUBLE_EQ(bytes("all_to_all"), share * state);
  EXPECT_DOUBLE_EQ(bytes("tree"), 3 * state);
  EXPECT_DOUBLE_EQ(bytes("hierarchical"), 0);  // one node
  EXPECT_DOUBLE_EQ(bytes("ring"), 7 * 2 * 64 * 65536 / 8 * 4.0);
  EXPECT_DOUBLE_EQ(bytes("ring_q"), 7 * 512.0 / 8 * (2 * 64 + 2) * 4);
  shape.options.node_size = 2;
  EXPECT_DOUBLE_EQ(bytes("hierarchical"), 2 * (1 - 2.0 / 8) * state);
  shape.ranks = 1;
  for (const Reduction& reduction : reductions()) {
    EXPECT_EQ(cost_of(reduction, shape).sent.bytes, 0) << reduction.name;
    EXPECT_EQ(cost_of(reduction, shape).sent.messages, 0) << reduction.name;
  }
}

TEST(Traffic, AllreduceOfFewBytesTakesLogarithmicallyManyMessages) {
  EXPECT_EQ(allreduce_traffic(8, 2).messages, 1);
  EXPECT_EQ(allreduce_traffic(8, 5).messages, 3);
  EXPECT_EQ(allreduce_traffic(8, 8).messages, 3);
  EXPECT_EQ(allreduce_traffic(8, 8).bytes, 24);
}

}  // namespace
}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Every model is its formula, and the same for every rank count, reduction, kernel, thread count and placement.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "kernels/threads.hpp"
#include "models/cost.hpp"
#include "naive_models.hpp"
#include "problem/sequence.hpp"
#include "ranks.hpp"
#include "truth/oracle.hpp"

namespace knowscale {
namespace {

Case attention_case(const Communicator& comm, std::int64_t n, std::int64_t m) {
  Case c;
  c.model = "knowledge";
  c.n = n;
  c.m = m;
  c.d = 24;
  c.heads = 4;
  c.kv_heads = 2;
  c.batch = 2;
  c.scale = 1 / std::sqrt(6.0);
  c.ranks = comm.size();
  c.precision = Precision::f64;
  return c;
}

Case lstm_case(const Communicator& comm) {
  Case c = attention_case(comm, 5, 41);
  c.model = "lstm";
  c.heads = c.kv_heads = 0;
  c.hidden = 19;
  c.batch = 3;
  return c;
}

// The whole output on every rank.
Matrix<double> whole_output(const Case& c, const Communicator& comm) {
  const KnowledgeShard<double> knowledge = load_knowledge<double>(c, comm);
  const Matrix<double> queries = load_queries<double>(c, comm);
  const Threads threads(c.threads);
  const Problem<double> problem = {c, knowledge, queries.view(), comm, threads};
  const auto prepared = model_by_name(c.model).prepare(problem, backend_of(c));
  prepared->run();
  prepared->run();  // a second run must not see the first one's state
  const Output<double> output = prepared->output();
  Matrix<double> all(queries.rows(), c.d);
  std::fill_n(all.data(), all.size(), -std::numeric_limits<double>::infinity());
  std::copy_n(output.values.data, output.values.size(), all.row(output.rows.begin));
  comm.allreduce(all.span(), Combine::maximum);
  return all;
}

void expect_near(const Matrix<double>& a, const Matrix<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::int64_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a.data()[i], b.data()[i], tolerance) << "element " << i;
}

TEST(KnowledgeModel, GivesTheSameOutputForEveryRankCountReductionKernelAndThreadCount) {
  for (const auto& [n, m] : {std::pair<std::int64_t, std::int64_t>{6, 1100}, {1, 3}, {3, 1}}) {
    Matrix<double> expected;  // of one rank by the reference
    for_rank_counts([&, tokens = n, keys = m](const Communicator& comm) {
      Case c = attention_case(comm, tokens, keys);
      for (const Kernel& kernel : kernels_of(Precision::f64)) {
        for (const Reduction& reduction : reductions()) {
          for (c.threads = 1; c.threads <= 2; ++c.threads) {
            c.kernel = kernel.name;
            use_reduction(c, reduction);
            Matrix<double> output = whole_output(c, comm);
            if (comm.size() == 1 && expected.size() == 0)
              expected = std::move(output);
            else if (comm.size() == 1)
              expect_near(output, expected, 1e-13);
            else if (comm.is_root())
              expect_near(output, expected, 1e-13);
          }
        }
      }
    });
  }
}

// The case of a model of attention, with what it does not use unused.
Case model_case(const Communicator& comm, const Model& model, std::int64_t n, std::int64_t m) {
  Case c = attention_case(comm, n, m);
  c.model = model.name;
  c.projected = model.structure.projected;
  if (!model.structure.reads_knowledge()) c.m = 0;
  if (!model.structure.attends()) {
    c.kernel = c.reduction = kUnused;
    c.options = heeded({}, {.tiled = false});
  }
  return c;
}

// Sequences of 9, 1, 6 and 2 tokens, cut anywhere by the ranks.
void make_unequal(Case& c) {
  c.batch = 4;
  c.n = 9;
  c.lengths = Lengths::random;
  c.unequal = {9, 1, 6, 2};
}

// What the formula of the case's model gives on this rank alone, however many run it. Collective: splits `comm`.
naive::Rows formula(const Case& c, const Communicator& comm) {
  Case whole = c;
  whole.ranks = 1;
  whole.sequence = Placement::replicated;
  const Communicator alone = comm.split(comm.rank());
  const KnowledgeShard<double> knowledge = load_knowledge<double>(whole, alone);
  const Matrix<double> tokens = load_queries<double>(whole, alone);
  return naive::output(c, naive::to_rows(tokens), naive::to_rows(knowledge.keys),
                       naive::to_rows(knowledge.has_separate_values() ? knowledge.separate_values : knowledge.keys));
}

void expect_output(const naive::Rows& expected, const Case& c, const Communicator& comm) {
  const Matrix<double> output = whole_output(c, comm);
  for (std::int64_t i = 0; i < output.rows(); ++i) {
    for (std::int64_t j = 0; j < output.cols(); ++j) {
      ASSERT_NEAR(output(i, j), expected[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)], 2e-12)
          << "row " << i << " column " << j;
    }
  }
}

std::string name_of_way(const Case& c) {
  return c.model + " " + c.reduction + (c.causal ? " causal" : "") + " sequence " + std::string(name_of(c.sequence)) +
         " result " + std::string(name_of(c.options.placement)) + " tile " + std::to_string(c.options.query_tile);
}

// Every reduction, sequences and results replicated and sharded, causal and not; 70 knowledge vectors, so that shards
// are uneven, and with chunks of 32 empty from the fourth rank on.
TEST(EveryModel, IsItsFormulaAtEveryRankCountForSequencesOfUnequalLengths) {
  for_rank_counts([](const Communicator& comm) {
    for (const Model& model : models()) {
      if (model.structure.recurrent) continue;
      Case c = model_case(comm, model, 9, 70);
      make_unequal(c);
      for (const bool causal : {false, true}) {
        if (causal && !model.structure.sees_sequence()) continue;
        c.causal = causal;
        const naive::Rows expected = formula(c, comm);
        for (const Placement sequence : {Placement::replicated, Placement::sharded}) {
          c.sequence = sequence;
          for (const Placement placement : {Placement::natural, Placement::replicated, Placement::sharded}) {
            if (!model.structure.attends()) {
              c.options.placement = placement;
              SCOPED_TRACE(name_of_way(c));
              expect_output(expected, c, comm);
              continue;
            }
            for (const Reduction& reduction : reductions()) {
              const bool tiles = placement == Placement::natural;
              use_reduction(c, reduction,
                            {.placement = placement, .overlap = tiles, .query_tile = tiles ? 5 : 0, .chunk = 32});
              SCOPED_TRACE(name_of_way(c));
              expect_output(expected, c, comm);
            }
          }
        }
      }
    }
  });
}

TEST(EveryModel, IsItsFormulaWithFewerTokensOrVectorsThanRanks) {
  for_rank_counts([](const Communicator& comm) {
    for (const Model& model : models()) {
      if (model.structure.recurrent) continue;
      for (const auto& [n, m] : {std::pair<std::int64_t, std::int64_t>{1, 3}, {3, 1}}) {
        Case c = model_case(comm, model, n, m);
        const naive::Rows expected = formula(c, comm);
        for (const Reduction& reduction : reductions()) {
          c.options.placement = Placement::replicated;
          if (model.structure.attends()) use_reduction(c, reduction, {.placement = Placement::replicated, .chunk = 32});
          SCOPED_TRACE(name_of_way(c) + " n " + std::to_string(n));
          expect_output(expected, c, comm);
          if (!model.structure.attends()) break;
        }
      }
    }
  });
}

TEST(EveryModel, IsItsFormulaForEveryKernelAndNumberOfThreads) {
  const Communicator world = Communicator::world();
  for (const Model& model : models()) {
    if (!model.structure.attends()) continue;
    Case c = model_case(world, model, 70, 300);
    c.causal = model.structure.sees_sequence();
    use_reduction(c, reduction_by_name("two_phase"));
    const naive::Rows expected = formula(c, world);
    for (const Kernel& kernel : kernels_of(Precision::f64)) {
      for (c.threads = 1; c.threads <= 3; c.threads += 2) {
        c.kernel = kernel.name;
        SCOPED_TRACE(name_of_way(c) + " " + c.kernel);
        expect_output(expected, c, world);
      }
    }
  }
}

// The same bits for every number of ranks and threads, moments and projections too.
template <class T>
void expect_same_bits(Precision precision = precision_of<T>) {
  const Communicator world = Communicator::world();
  for (const Model& model : models()) {
    if (!model.structure.attends() || !model.computes(precision)) continue;
    Case c;
    c.model = model.name;
    c.projected = model.structure.projected;
    c.precision = precision;
    c.n = 300;
    c.m = model.structure.reads_knowledge() ? 430 : 0;
    c.d = 24;
    c.heads = 4;
    c.kv_heads = 2;
    c.scale = 0.4;
    use_reduction(c, reduction_by_name("reproducible"), {.chunk = 16});
    const auto output = [&](const Communicator& comm, Case run) {
      run.ranks = comm.size();
      const KnowledgeShard<T> knowledge = load_knowledge<T>(run, comm);
      const Matrix<T> queries = load_queries<T>(run, comm);
      const Threads threads(run.threads);
      const Problem<T> problem = {run, knowledge, queries.view(), comm, threads};
      const auto prepared = model.prepare(problem, backend_of(run));
      prepared->run();
      const auto out = prepared->output();
      Matrix<Accumulator<T>> all(run.tokens(), run.d);
      std::fill_n(all.data(), all.size(), -std::numeric_limits<Accumulator<T>>::infinity());
      std::copy_n(out.values.data, out.values.size(), all.row(out.rows.begin));
      comm.allreduce(all.span(), Combine::maximum);
      return all;
    };
    const Matrix<Accumulator<T>> expected = output(world.split(world.rank()), c);
    for_rank_counts([&](const Communicator& comm) {
      for (const Placement sequence : {Placement::replicated, Placement::sharded}) {
        for (const Placement placement : {Placement::replicated, Placement::sharded}) {
          for (c.threads = 1; c.threads <= 2; ++c.threads) {
            c.sequence = sequence;
            c.options.placement = placement;
            SCOPED_TRACE(name_of_way(c) + " threads " + std::to_string(c.threads));
            const auto bits = output(comm, c);
            EXPECT_EQ(std::memcmp(bits.data(), expected.data(),
                                  static_cast<std::size_t>(bits.size()) * sizeof(Accumulator<T>)),
                      0);
          }
        }
      }
    });
  }
}

TEST(EveryModel, IsReproducibleToTheBitInF32) { expect_same_bits<float>(); }
TEST(EveryModel, IsReproducibleToTheBitInF64) { expect_same_bits<double>(); }
TEST(EveryModel, IsReproducibleToTheBitInBf16) { expect_same_bits<Bf16>(); }
TEST(EveryModel, IsReproducibleToTheBitOfKnowledgeInBytes) {
  expect_same_bits<float>(Precision::int8);
  expect_same_bits<float>(Precision::fp8);
}

TEST(LstmModel, GivesTheSameOutputForEveryRankCountPlacementAndLength) {
  for (const bool unequal : {false, true}) {
    Matrix<double> expected;
    for_rank_counts([&](const Communicator& comm) {
      for (const Placement sequence : {Placement::replicated, Placement::sharded}) {
        for (const Placement placement : {Placement::natural, Placement::replicated}) {
          Case c = lstm_case(comm);
          if (unequal) make_unequal(c);
          c.sequence = sequence;
          c.options.placement = placement;
          Matrix<double> output = whole_output(c, comm);
          if (comm.size() == 1 && expected.size() == 0)
            expected = std::move(output);
          else if (comm.is_root() || comm.size() == 1)
            expect_near(output, expected, 1e-14);
        }
      }
    });
  }
}

// A recurrence forgets: only a short one shows what it started from.
TEST(LstmModel, EveryRunStartsFromZero) {
  for_rank_counts([](const Communicator& comm) {
    Case c = lstm_case(comm);
    c.m = c.n = 1;
    const KnowledgeShard<double> knowledge = load_knowledge<double>(c, comm);
    const Matrix<double> queries = load_queries<double>(c, comm);
    const Threads threads(1);
    const Problem<double> problem = {c, knowledge, queries.view(), comm, threads};
    const auto prepared = model_by_name("lstm").prepare(problem, {});
    LstmOracle oracle;
    for (int run = 0; run < 2; ++run) {
      prepared->run();
      const Verification verification = oracle.verify(problem, prepared->output());
      EXPECT_TRUE(verification.passed()) << "run " << run << " error " << verification.error;
    }
  });
}

TEST(LstmModel, ReadsTheKnowledge) {
  const Communicator world = Communicator::world();
  Case c = lstm_case(world);
  const Matrix<double> all = whole_output(c, world);
  c.m -= 1;
  const Matrix<double> fewer = whole_output(c, world);
  double difference = 0;
  for (std::int64_t i = 0; i < all.size(); ++i)
    difference = std::max(difference, std::abs(all.data()[i] - fewer.data()[i]));
  EXPECT_GT(difference, 1e-9);
}

TEST(Cost, CountsWhatTheDesignSays) {
  Case c = attention_case(Communicator::world(), 10, 1001);
  c.ranks = 2;
  const auto cost_of_case = [&c] { return cost_of(c, model_by_name(c.model).structure, backend_of(c)); };
  const Cost attention = cost_of_case();
  EXPECT_EQ(attention.flops, 4.0 * 20 * 1001 * 24);
  EXPECT_EQ(attention.bytes_read, 2.0 * 501 * 12 * 8);
  c = lstm_case(Communicator::world());
  c.ranks = 1;
  const Cost lstm = cost_of_case();
  EXPECT_EQ(lstm.flops, (41 + 15) * 8.0 * 19 * (48 + 19) + 15 * (8.0 * 19 * (24 + 19) + 2.0 * 19 * 24));
  EXPECT_EQ(lstm.bytes_sent, 0);

  // 4 heads of 6 columns, 2 key/value heads; 2 sequences of 10 tokens.
  c = attention_case(Communicator::world(), 10, 1001);
  c.ranks = 2;
  const double to_knowledge = 4.0 * 20 * 1001 * 24, to_tokens = 4.0 * 200 * 24;
  c.model = "joint";
  EXPECT_EQ(cost_of_case().flops, to_knowledge + to_tokens);
  c.causal = true;
  EXPECT_EQ(cost_of_case().flops, to_knowledge + 4.0 * 2 * 55 * 24);
  c.causal = false;
  c.model = "moment";
  const double moments = 1001.0 * 12 * 7 + 2 * 1001.0 * 12 * 6, maps = 2.0 * 20 * 24 * 6 + 2.0 * 20 * 12 * 6;
  EXPECT_EQ(cost_of_case().flops, to_tokens + moments + maps);
  c.model = "equivariant";
  EXPECT_EQ(cost_of_case().flops, to_tokens + moments + maps + to_knowledge);
  c.model = "transformer";
  c.projected = true;
  EXPECT_EQ(cost_of_case().flops, to_tokens + to_knowledge + 4.0 * 20 * 24 * (24 + 12) + 4.0 * 1001 * 24 * 12);
  c.model = "linear";
  c.projected = false;
  c.kernel = c.reduction = kUnused;
  EXPECT_EQ(cost_of_case().flops, 2.0 * 1001 * 12 * 6 + 2.0 * 20 * 24 * 6);
  c.model = "self";
  c.kernel = "simd";
  c.reduction = "packed";
  c.m = 0;
  EXPECT_EQ(cost_of_case().flops, to_tokens);
  EXPECT_EQ(cost_of_case().bytes_read, 0);
}

}  // namespace
}  // namespace knowscale

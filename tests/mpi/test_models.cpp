// SPDX-License-Identifier: BSD-3-Clause
// The same outputs for every rank count, reduction, kernel and thread count.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "models/model.hpp"
#include "problem/sequence.hpp"
#include "ranks.hpp"
#include "study/oracle.hpp"

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
  const auto prepared = model_by_name<double>(c.model).prepare(problem, backend_of<double>(c));
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
    for_rank_counts([&, n = n, m = m](const Communicator& comm) {
      Case c = attention_case(comm, n, m);
      for (const Kernel<double>& kernel : kernels<double>()) {
        for (const Reduction<double>& reduction : reductions<double>()) {
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

TEST(LstmModel, GivesTheSameOutputForEveryRankCount) {
  Matrix<double> expected;
  for_rank_counts([&](const Communicator& comm) {
    Matrix<double> output = whole_output(lstm_case(comm), comm);
    if (comm.size() == 1)
      expected = std::move(output);
    else if (comm.is_root())
      expect_near(output, expected, 1e-14);
  });
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
    const auto prepared = model_by_name<double>("lstm").prepare(problem, {});
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
  const Cost attention = model_by_name<double>("knowledge").cost(c, backend_of<double>(c));
  EXPECT_EQ(attention.flops, 4.0 * 20 * 1001 * 24);
  EXPECT_EQ(attention.bytes_read, 2.0 * 501 * 12 * 8);
  c = lstm_case(Communicator::world());
  c.ranks = 1;
  const Cost lstm = model_by_name<double>("lstm").cost(c, {});
  EXPECT_EQ(lstm.flops, (41 + 15) * 8.0 * 19 * (48 + 19) + 15 * (8.0 * 19 * (24 + 19) + 2.0 * 19 * 24));
  EXPECT_EQ(lstm.bytes_sent, 0);
}

}  // namespace
}  // namespace knowscale

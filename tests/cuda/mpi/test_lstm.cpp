// SPDX-License-Identifier: BSD-3-Clause
// The LSTM on the device: the host's output at every rank count and placement, for a batch of equal and unequal
// lengths.
#include <gtest/gtest.h>

#include <string>

#include "cuda/mpi/device_problem.hpp"
#include "models/lstm.hpp"
#include "mpi/ranks.hpp"
#include "truth/oracle.hpp"

namespace knowscale {
namespace {

template <class T>
Case lstm_case(const Communicator& comm) {
  Case c = small_case<T>(comm, model_by_name("lstm"));
  c.heads = c.kv_heads = 0;
  c.hidden = 19;
  c.causal = false;
  c.kernel = lstm_model::kOnDevice;
  c.reduction = kUnused;
  return c;
}

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 2e-6 : 1e-14;  // of numbers below 1

template <class T>
void expect_near(const Matrix<T>& found, const Matrix<T>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::int64_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(found.data()[i]), static_cast<double>(expected.data()[i]), kTolerance<T>) << i;
  }
}

template <class T>
class LstmOnDevices : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(LstmOnDevices, Types);

TYPED_TEST(LstmOnDevices, IsTheHostsAtEveryRankCountAndPlacement) {
  using T = TypeParam;
  for_rank_counts({1, 2, 3}, [](const Communicator& comm) {
    for (const bool unequal : {false, true}) {
      for (const Placement placement : {Placement::replicated, Placement::sharded}) {
        Case c = lstm_case<T>(comm);
        if (!unequal) {
          c.unequal.clear();
          c.n = 4;
          c.batch = 5;
        }
        c.sequence = c.options.placement = placement;
        SCOPED_TRACE(std::string(unequal ? "unequal " : "equal ") + std::string(name_of(placement)));
        Case on_host = c;
        on_host.kernel = kUnused;
        const Matrix<T> expected = device_output<T>(on_host, comm);
        expect_near(device_output<T>(c, comm), expected);
        if (unequal) expect_near(device_output<T>(c, comm, Knowledge::kept_alone), expected);
      }
    }
  });
}

// A recurrence forgets: only a short one shows what it started from.
TYPED_TEST(LstmOnDevices, OfFewerVectorsAndSequencesThanRanksIsTheOracles) {
  using T = TypeParam;
  for_rank_counts({1, 2, 3}, [](const Communicator& comm) {
    Case c = lstm_case<T>(comm);
    c.m = c.n = c.batch = 1;
    c.unequal.clear();
    const KnowledgeShard<T> shard = load_knowledge<T>(c, comm);
    const Matrix<T> queries = load_queries<T>(c, comm);
    const Threads threads(1);
    const Problem<T> problem = {c, shard, queries.view(), comm, threads};
    const auto prepared = model_by_name("lstm").prepare(problem, {});
    LstmOracle oracle;
    for (int run = 0; run < 2; ++run) {
      prepared->run();
      const Verification verification = oracle.verify(problem, prepared->output());
      EXPECT_TRUE(verification.passed()) << "run " << run << " error " << verification.error;
    }
  });
}

TYPED_TEST(LstmOnDevices, TimesItsCopies) {
  using T = TypeParam;
  for_rank_counts({2}, [](const Communicator& comm) {
    Case c = lstm_case<T>(comm);
    EXPECT_GT(seconds_of_copies<T>(c, comm), 0);
    c.kernel = kUnused;
    EXPECT_EQ(seconds_of_copies<T>(c, comm), 0);
  });
}

}  // namespace
}  // namespace knowscale

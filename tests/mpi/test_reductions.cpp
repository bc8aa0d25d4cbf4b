// SPDX-License-Identifier: BSD-3-Clause
// Every reduction against a serial merge of the same states, for every rank count.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "comm/reduction.hpp"
#include "core/random.hpp"
#include "ranks.hpp"

namespace knowscale {
namespace {

// Fills the state of rank `rank` of `ranks`.
template <class T>
using Fill = std::function<void(MatrixView<T> rows, int rank, int ranks)>;

template <class T>
void fill_random(MatrixView<T> rows, int rank, double spread) {
  std::vector<double> row(static_cast<std::size_t>(rows.cols));
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    fill_normal(21, Stream::samples, rank * 1000 + i, row);
    for (std::int64_t j = 0; j + 1 < rows.cols; ++j) rows(i, j) = static_cast<T>(row[static_cast<std::size_t>(j)]);
    rows(i, rows.cols - 2) = static_cast<T>(1 + std::abs(row[static_cast<std::size_t>(rows.cols - 2)]));
    rows(i, rows.cols - 1) = static_cast<T>(spread * row.back());
  }
}

template <class T>
void expect_matches_serial_merge(const Communicator& comm, std::int64_t queries, HeadShape shape, const Fill<T>& fill) {
  Partial<T> expected(queries, shape);
  for (int r = 0; r < comm.size(); ++r) {
    Partial<T> part(queries, shape);
    fill(part.rows(), r, comm.size());
    merge<T>(expected.rows(), std::as_const(part).rows());
  }
  const double tolerance = 16 * comm.size() * std::numeric_limits<T>::epsilon();
  for (const Reduction<T>& reduction : reductions<T>()) {
    SCOPED_TRACE(std::string(reduction.name));
    Partial<T> own(queries, shape);
    fill(own.rows(), comm.rank(), comm.size());
    const RowRange rows = reduction.run(comm, own);
    const RowRange wanted = reduction.placement == Placement::replicated
                                ? RowRange{0, own.row_count()}
                                : result_rows(queries, shape.heads, comm.size(), comm.rank());
    EXPECT_EQ(rows, wanted);
    for (std::int64_t i = rows.begin; i < rows.end; ++i) {
      for (std::int64_t j = 0; j < own.row_width(); ++j) {
        const double a = static_cast<double>(own.rows()(i, j)), b = static_cast<double>(expected.rows()(i, j));
        if (a == b) continue;  // also both -inf
        EXPECT_NEAR(a, b, tolerance * comm.size() * (1 + std::abs(b))) << "row " << i << " column " << j;
      }
    }
  }
}

template <class T>
void expect_everywhere(std::int64_t queries, HeadShape shape, const Fill<T>& fill) {
  for_rank_counts([&](const Communicator& comm) { expect_matches_serial_merge<T>(comm, queries, shape, fill); });
}

template <class T>
class Reductions : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(Reductions, Precisions);

TYPED_TEST(Reductions, MatchTheSerialMerge) {
  expect_everywhere<TypeParam>(37, {4, 2, 8, 9}, [](auto rows, int rank, int) { fill_random(rows, rank, 5); });
}

TYPED_TEST(Reductions, TakeMoreStateThanAnEagerMessage) {
  expect_everywhere<TypeParam>(3000, {1, 1, 64, 64}, [](auto rows, int rank, int) { fill_random(rows, rank, 5); });
}

TYPED_TEST(Reductions, TakeFewerQueriesThanRanks) {
  expect_everywhere<TypeParam>(1, {2, 1, 3, 3}, [](auto rows, int rank, int) { fill_random(rows, rank, 5); });
}

TYPED_TEST(Reductions, TakeEmptyShards) {
  expect_everywhere<TypeParam>(9, {2, 2, 4, 4}, [](auto rows, int rank, int) {
    clear(rows);
    if (rank % 2 == 0) fill_random(rows, rank, 5);
  });
}

TYPED_TEST(Reductions, TakeOneShardThatHoldsEverything) {
  expect_everywhere<TypeParam>(9, {1, 1, 4, 4}, [](auto rows, int rank, int ranks) {
    clear(rows);
    if (rank == ranks - 1) fill_random(rows, rank, 5);
  });
}

TYPED_TEST(Reductions, GiveTheIdentityWhereNoRankHasAKey) {
  expect_everywhere<TypeParam>(5, {1, 1, 4, 4}, [](auto rows, int, int) { clear(rows); });
}

TYPED_TEST(Reductions, TakeScoresOfHundredThousand) {
  expect_everywhere<TypeParam>(9, {1, 1, 4, 4}, [](auto rows, int rank, int) { fill_random(rows, rank, 1e5); });
}

TEST(Traffic, FormulasGiveTheNumbersOfTheDesign) {
  const ReductionShape shape = {8, 512, {1, 1, 64, 64}, 4};
  const double state = 512 * 66 * 4, maxima = 512 * 4;
  EXPECT_DOUBLE_EQ(shape.state_bytes(), state);
  EXPECT_DOUBLE_EQ(reduction_by_name<float>("packed").traffic(shape).bytes, 2 * 7.0 / 8 * state);
  EXPECT_DOUBLE_EQ(reduction_by_name<float>("two_phase").traffic(shape).bytes, 3 * maxima + 2 * 7.0 / 8 * state);
  EXPECT_DOUBLE_EQ(reduction_by_name<float>("reduce_scatter").traffic(shape).bytes, 3 * maxima + 7.0 / 8 * state);
  const ReductionShape alone = {1, 512, {1, 1, 64, 64}, 4};
  for (const Reduction<float>& reduction : reductions<float>()) {
    EXPECT_EQ(reduction.traffic(alone).bytes, 0) << reduction.name;
    EXPECT_EQ(reduction.traffic(alone).messages, 0) << reduction.name;
  }
}

TEST(Traffic, AllreduceOfFewBytesTakesLogarithmicallyManyMessages) {
  EXPECT_EQ(allreduce_traffic(8, 2).messages, 1);
  EXPECT_EQ(allreduce_traffic(8, 5).messages, 3);
  EXPECT_EQ(allreduce_traffic(8, 8).messages, 3);
  EXPECT_EQ(allreduce_traffic(8, 8).bytes, 24);
}

TEST(ReductionTable, RefusesAnUnknownNameWithTheKnownOnes) {
  try {
    reduction_by_name<double>("packd");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("packd"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("packed, two_phase, reduce_scatter"), std::string::npos);
  }
}

}  // namespace
}  // namespace knowscale

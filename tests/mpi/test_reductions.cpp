// SPDX-License-Identifier: BSD-3-Clause
// Every reduction against the whole set on one rank, for every rank count, placement and way to overlap; ordinary and
// awkward distributions of keys.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "comm/reduction.hpp"
#include "core/random.hpp"
#include "kernels/partial.hpp"
#include "kernels/simd/ways.hpp"
#include "kernels/threads.hpp"
#include "ranks.hpp"

namespace knowscale {
namespace {

// A whole problem, the same on every rank, and how its keys are distributed.
template <class T>
struct Whole {
  HeadShape shape;
  Matrix<T> queries, keys, values;
  std::vector<std::uint8_t> visible;                                             // of all keys, or none
  std::function<std::vector<RowRange>(std::int64_t m, int ranks)> distribution;  // shards

  AttentionInput<T> input() const {
    AttentionInput<T> all = {queries.view(), keys.view(), values.view(), shape, 1 / std::sqrt(double(shape.key_dim))};
    all.mask.visible = visible;
    return all;
  }
};

constexpr std::int64_t kChunk = 16;

std::vector<RowRange> evenly(std::int64_t m, int ranks) { return shard_ranges(m, ranks, kChunk); }
std::vector<RowRange> all_on_the_last(std::int64_t m, int ranks) {
  std::vector<RowRange> shards(static_cast<std::size_t>(ranks), RowRange{0, 0});
  shards.back() = {0, m};
  return shards;
}
std::vector<RowRange> every_other_empty(std::int64_t m, int ranks) {
  std::vector<RowRange> shards;
  for (int r = 0; r < ranks; ++r) {
    const RowRange share = shard_range(m, (ranks + 1) / 2, kChunk, r / 2);
    shards.push_back(r % 2 == 0 ? share : RowRange{share.end, share.end});
  }
  return shards;
}

template <class T>
Matrix<T> random_matrix(std::int64_t rows, std::int64_t cols, int seed, double spread) {
  Matrix<T> matrix(rows, cols);
  std::vector<double> row(static_cast<std::size_t>(cols));
  for (std::int64_t i = 0; i < rows; ++i) {
    fill_normal(static_cast<std::uint64_t>(seed), Draw::samples, i, row);
    for (std::int64_t j = 0; j < cols; ++j) matrix(i, j) = static_cast<T>(spread * row[static_cast<std::size_t>(j)]);
  }
  return matrix;
}

template <class T>
Whole<T> whole(std::int64_t n, std::int64_t m, HeadShape shape, double spread = 1) {
  return {shape,
          random_matrix<T>(n, shape.heads * shape.key_dim, 1, spread),
          random_matrix<T>(m, shape.kv_heads * shape.key_dim, 2, spread),
          random_matrix<T>(m, shape.kv_heads * shape.value_dim, 3, 1),
          {},
          evenly};
}

// What one rank computes that holds everything.
template <class T>
Matrix<Accumulator<T>> expected_output(const Whole<T>& problem) {
  const std::int64_t n = problem.queries.rows(), heads = problem.shape.heads, width = problem.shape.value_dim;
  Partial<Accumulator<T>> state(n, problem.shape);
  kernel_by_name("reference").compute(problem.input(), state.rows(), Threads(1));
  Matrix<Accumulator<T>> output(n, heads * width);
  normalise<Accumulator<T>>(std::as_const(state).rows(), {output.data(), n * heads, width, width});
  return output;
}

// This rank's part of a run of `reduction`: the whole output, NaN where the rank was given nothing.
template <class T>
Matrix<Accumulator<T>> run_once(const Communicator& comm, const Whole<T>& problem, const Reduction& reduction,
                                const char* kernel, int threads_a_rank, ReductionOptions options) {
  options.placement = reduction.placement(options.placement);
  const std::vector<RowRange> shards = problem.distribution(problem.keys.rows(), comm.size());
  const RowRange mine = shards[static_cast<std::size_t>(comm.rank())];
  const AttentionInput<T> whole = problem.input();
  ShardedKeys<T> keys = {{whole.keys.slice_rows(mine), whole.values.slice_rows(mine), {}}, shards};
  if (!problem.visible.empty()) {
    keys.own.mask.visible =
        whole.mask.visible.subspan(static_cast<std::size_t>(mine.begin), static_cast<std::size_t>(mine.size()));
  }
  const AttentionInput<T> queries = {whole.queries, {}, {}, whole.shape, whole.scale};
  const Threads threads(threads_a_rank);
  const ShardedAttention<T> attention = {comm, threads, kernel_by_name(kernel), queries, {keys}, options};
  const auto prepared = reduction.prepare(attention);
  Matrix<Accumulator<T>> output(problem.queries.rows(), problem.shape.heads * problem.shape.value_dim);
  const auto nan = std::numeric_limits<Accumulator<T>>::quiet_NaN();
  for (int run = 0; run < 2; ++run) {  // a second one must not see the first one's states
    std::fill_n(output.data(), output.size(), nan);
    prepared->run(output.view());
  }
  const RowRange rows = reduction.result_rows(options.placement, problem.queries.rows(), comm.size(), comm.rank());
  for (std::int64_t i = 0; i < output.rows(); ++i) {
    if (i < rows.begin || i >= rows.end) std::fill_n(output.row(i), output.cols(), nan);
  }
  return output;
}

template <class T>
void expect_output(const Matrix<Accumulator<T>>& output, const Matrix<Accumulator<T>>& expected, RowRange rows,
                   double tolerance) {
  for (std::int64_t i = rows.begin; i < rows.end; ++i) {
    for (std::int64_t j = 0; j < output.cols(); ++j) {
      ASSERT_NEAR(static_cast<double>(output(i, j)), static_cast<double>(expected(i, j)), tolerance)
          << "row " << i << " column " << j;
    }
  }
}

std::vector<ReductionOptions> ways() {
  std::vector<ReductionOptions> all;
  for (const Placement placement : {Placement::natural, Placement::replicated, Placement::sharded}) {
    all.push_back({.placement = placement, .chunk = kChunk});
    all.push_back({.placement = placement, .overlap = true, .query_tile = 5, .chunk = kChunk, .node_size = 2});
  }
  all.push_back({.overlap = false, .query_tile = 3, .chunk = kChunk, .node_size = 3});
  all.push_back({.overlap = true, .query_tile = 0, .chunk = kChunk, .node_size = 1});
  return all;
}

template <class T>
void expect_everywhere(const Whole<T>& problem, double tolerance, const char* kernel = "reference") {
  const Matrix<Accumulator<T>> expected = expected_output(problem);
  for_rank_counts([&](const Communicator& comm) {
    for (const Reduction& reduction : reductions()) {
      for (const ReductionOptions& options : ways()) {
        SCOPED_TRACE(std::string(reduction.name) + " " + std::string(name_of(options.placement)) + " tile " +
                     std::to_string(options.query_tile) + (options.overlap ? " overlapped" : ""));
        const auto output = run_once(comm, problem, reduction, kernel, 1, options);
        const RowRange rows =
            reduction.result_rows(options.placement, problem.queries.rows(), comm.size(), comm.rank());
        expect_output<T>(output, expected, rows, tolerance);
      }
    }
  });
}

TEST(Reductions, GiveWhatOneRankGives) { expect_everywhere(whole<double>(23, 150, {4, 2, 6, 9}), 1e-13); }
TEST(Reductions, GiveWhatOneRankGivesInSinglePrecision) {
  expect_everywhere(whole<float>(23, 150, {4, 2, 6, 9}), 2e-6, "simd");
}
TEST(Reductions, GiveWhatOneRankGivesOfHalfPrecision) {
  expect_everywhere(whole<Bf16>(23, 150, {4, 2, 6, 8}), 2e-2, "simd");
  expect_everywhere(whole<F16>(11, 150, {4, 2, 6, 8}), 2e-6, "reference");
}
TEST(Reductions, TakeOneQueryAndOneHead) { expect_everywhere(whole<float>(1, 70, {1, 1, 3, 3}), 2e-6); }
TEST(Reductions, TakeFewerKeysThanRanks) { expect_everywhere(whole<float>(9, 3, {1, 1, 4, 4}), 2e-6); }
TEST(Reductions, TakeNoKeys) { expect_everywhere(whole<float>(9, 0, {1, 1, 4, 4}), 0); }
TEST(Reductions, TakeMoreStateThanAnEagerMessage) {
  expect_everywhere(whole<float>(900, 64, {1, 1, 64, 64}), 2e-6, "simd");
}

TEST(Reductions, TakeOneShardThatHoldsEverything) {
  Whole<float> problem = whole<float>(9, 150, {2, 1, 4, 5});
  problem.distribution = all_on_the_last;
  expect_everywhere(problem, 2e-6);
}

TEST(Reductions, TakeEmptyShards) {
  Whole<float> problem = whole<float>(9, 150, {2, 2, 4, 5});
  problem.distribution = every_other_empty;
  expect_everywhere(problem, 2e-6);
}

TEST(Reductions, TakeScoresOfHundredThousand) { expect_everywhere(whole<double>(9, 150, {1, 1, 4, 4}, 250), 1e-9); }

TEST(Reductions, GiveZeroWhereEveryKeyIsHidden) {
  Whole<float> problem = whole<float>(9, 150, {2, 1, 4, 5});
  problem.visible.assign(150, 0);
  const Matrix<float> expected = expected_output(problem);
  ASSERT_TRUE(std::all_of(expected.data(), expected.data() + expected.size(), [](float x) { return x == 0; }));
  expect_everywhere(problem, 0);
}

TEST(Reductions, HideKeysWhereverTheyTravel) {
  Whole<float> problem = whole<float>(9, 150, {2, 1, 4, 5});
  for (std::size_t k = 0; k < 150; ++k) problem.visible.push_back(k % 3 == 1 ? 1 : 0);
  expect_everywhere(problem, 2e-6);
}

// The same bits for every number of ranks and threads, every placement and tile.
template <class T>
void expect_same_bits(const Whole<T>& problem) {
  const auto& reduction = reduction_by_name("reproducible");
  Matrix<Accumulator<T>> expected;
  const Communicator world = Communicator::world();
  {
    const Communicator one = world.split(world.rank());
    expected = run_once(one, problem, reduction, "simd", 1, {.chunk = kChunk});
  }
  for_rank_counts([&](const Communicator& comm) {
    for (ReductionOptions options : ways()) {
      for (const int threads : {1, 2}) {
        SCOPED_TRACE(std::string(name_of(options.placement)) + " tile " + std::to_string(options.query_tile));
        if (options.query_tile > 0) options.query_tile = 256;
        const auto output = run_once(comm, problem, reduction, "simd", threads, options);
        const RowRange rows =
            reduction.result_rows(options.placement, problem.queries.rows(), comm.size(), comm.rank());
        const std::size_t bytes = static_cast<std::size_t>(rows.size() * output.cols()) * sizeof(Accumulator<T>);
        EXPECT_EQ(std::memcmp(output.row(rows.begin), expected.row(rows.begin), bytes), 0) << threads << " threads";
      }
    }
  });
}

TEST(Reproducible, GivesTheSameBitsOfF32) { expect_same_bits(whole<float>(600, 430, {2, 1, 9, 12}, 2)); }
TEST(Reproducible, GivesTheSameBitsOfF64) { expect_same_bits(whole<double>(300, 430, {2, 1, 9, 12}, 2)); }
TEST(Reproducible, GivesTheSameBitsOfBf16) { expect_same_bits(whole<Bf16>(300, 430, {2, 1, 10, 12}, 2)); }

TEST(Reproducible, HeedsNothingThatWasMeasured) {
  const Whole<float> problem = whole<float>(3, 900, {1, 1, 64, 64});
  const Communicator world = Communicator::world(), one = world.split(world.rank());
  const auto output = [&](const char* reduction) {
    return run_once(one, problem, reduction_by_name(reduction), "simd", 1, {.chunk = 1024});
  };
  const auto equal = [](const Matrix<float>& a, const Matrix<float>& b) {
    return std::memcmp(a.data(), b.data(), a.span().size_bytes()) == 0;
  };
  const Matrix<float> reproducible = output("reproducible"), packed = output("packed");
  simd::Ways others = simd::ways();
  for (std::size_t rows = 0; rows < simd::kRowCounts.size(); ++rows)
    others.of(Precision::f32, rows) = simd::alternatives(Precision::f32, rows).back();
  const simd::Ways before = simd::ways();
  simd::take_ways(others);
  EXPECT_TRUE(equal(output("reproducible"), reproducible));
  EXPECT_FALSE(equal(output("packed"), packed));  // or the ways would be no test
  simd::take_ways(before);
}

TEST(Reproducible, RefusesShardsInsideAChunk) {
  Whole<float> problem = whole<float>(3, 100, {1, 1, 4, 4});
  problem.distribution = [](std::int64_t m, int ranks) { return shard_ranges(m, ranks, 1); };
  const Communicator world = Communicator::world();
  EXPECT_THROW(run_once(world, problem, reduction_by_name("reproducible"), "simd", 1, {.chunk = kChunk}), Error);
}

TEST(ReductionTable, RefusesAnUnknownNameWithTheKnownOnes) {
  try {
    reduction_by_name("packd");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("packd"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("packed, two_phase, reduce_scatter"), std::string::npos);
  }
}

}  // namespace
}  // namespace knowscale

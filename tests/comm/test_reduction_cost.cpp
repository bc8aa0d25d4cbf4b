// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reduction_cost.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace knowscale {
namespace {

ReductionShape shape_of(std::int64_t queries, int ranks, std::int64_t tile) {
  ReductionShape shape;
  shape.queries = queries;
  shape.ranks = ranks;
  shape.heads = {2, 1, 3, 5};
  shape.options.query_tile = tile;
  return shape;
}

// How often each query is in a piece.
std::vector<int> covered(const std::vector<QueryTile>& tiles, std::int64_t queries) {
  std::vector<int> times(static_cast<std::size_t>(queries), 0);
  for (const QueryTile& tile : tiles) {
    for (const RowRange& piece : tile.pieces) {
      for (std::int64_t i = piece.begin; i < piece.end; ++i) ++times[static_cast<std::size_t>(i)];
    }
  }
  return times;
}

TEST(QueryTiles, CoverEveryQueryOnce) {
  for (const std::int64_t queries : {1, 2, 7, 100, 513}) {
    for (const int ranks : {1, 2, 3, 8}) {
      for (const std::int64_t tile : {0, 1, 5, 64, 1000}) {
        for (const Placement natural : {Placement::replicated, Placement::sharded}) {
          const auto tiles = query_tiles(shape_of(queries, ranks, tile), natural);
          EXPECT_EQ(covered(tiles, queries), std::vector<int>(static_cast<std::size_t>(queries), 1));
          for (const QueryTile& each : tiles) {
            // A rank's share of a tile is rounded up.
            const std::int64_t slack = natural == Placement::sharded ? ranks : 0;
            EXPECT_LE(each.queries(), tile == 0 ? queries : tile + slack);
          }
        }
      }
    }
  }
}

TEST(QueryTiles, BeginAtMultiplesOfTheGranule) {
  for (const std::int64_t queries : {1, 256, 700, 1025}) {
    const auto tiles = query_tiles(shape_of(queries, 3, 300), Placement::replicated, 256);
    EXPECT_EQ(covered(tiles, queries), std::vector<int>(static_cast<std::size_t>(queries), 1));
    for (const QueryTile& tile : tiles) EXPECT_EQ(tile.pieces.front().begin % 256, 0);
  }
}

TEST(QueryTiles, AreSharedOutWhereResultsAre) {
  const auto tiles = query_tiles(shape_of(20, 3, 9), Placement::sharded);
  ASSERT_EQ(tiles.size(), 3U);
  for (const QueryTile& tile : tiles) {
    ASSERT_EQ(tile.pieces.size(), 3U);
    EXPECT_FALSE(tile.contiguous());
    const auto rows = tile.rows_of_ranks(4);
    EXPECT_EQ(rows[1].begin, tile.pieces[0].size() * 4);
    EXPECT_EQ(rows[2].end, tile.queries() * 4);
    for (int r = 0; r < 3; ++r) {
      const RowRange own = row_range(20, 3, r), piece = tile.pieces[static_cast<std::size_t>(r)];
      EXPECT_TRUE(own.begin <= piece.begin && piece.end <= own.end);
    }
  }
  EXPECT_TRUE(query_tiles(shape_of(20, 3, 0), Placement::sharded).front().contiguous());
}

TEST(SumOverTiles, AddsTheTilesButTakesTheLargestBuffer) {
  const ReductionShape shape = shape_of(10, 2, 4);  // tiles of 4, 3 and 3
  const ReductionCost sum = sum_over_tiles(shape, Placement::replicated, [](const ReductionShape& tile) {
    ReductionCost cost;
    cost.sent = {1, tile.whole_state()};
    cost.buffers = tile.whole_state();
    return cost;
  });
  EXPECT_EQ(sum.sent.messages, 3);
  EXPECT_EQ(sum.sent.bytes, shape.whole_state());
  EXPECT_EQ(sum.buffers, 4 * shape.row_bytes());
}

TEST(PredictedSeconds, AddsLatenciesTransfersAndMerges) {
  ReductionCost cost;
  cost.allreduces = 2;
  cost.allreduce_bytes = 3e9;
  cost.rounds = 5;
  cost.round_bytes = 7e9;
  cost.merged_bytes = 11e9;
  EXPECT_DOUBLE_EQ(predicted_seconds(cost, {1, 1e9, 10, 1e9, 1e9, 0}), 2 * 1 + 3 + 5 * 10 + 7 + 11);
  EXPECT_EQ(predicted_seconds({}, {}), 0);  // one rank: nothing measured, nothing sent
}

}  // namespace
}  // namespace knowscale

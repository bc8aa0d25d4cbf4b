// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/chunk_tree.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <string>

#include "core/error.hpp"

namespace knowscale {
namespace {

std::vector<RowRange> shards_of(std::int64_t chunks, int ranks) {
  std::vector<RowRange> shards;
  for (int r = 0; r < ranks; ++r) shards.push_back(shard_range(chunks * 10, ranks, 10, r));
  return shards;
}

// What the ranks do together, on texts instead of states: the root shows how chunks were merged.
std::string merged_by(const ChunkTree& tree, int ranks) {
  std::map<std::int64_t, std::string> nodes;  // by first chunk, of all ranks
  std::map<std::int64_t, int> holder;
  for (int r = 0; r < ranks; ++r) {
    const RowRange held = tree.chunks_of(r);
    for (std::int64_t c = held.begin; c < held.end; ++c) {
      nodes[c] = std::to_string(c);
      holder[c] = r;
    }
  }
  for (int level = 1; level <= tree.levels(); ++level) {
    const std::int64_t half = std::int64_t{1} << (level - 1);
    for (int r = 0; r < ranks; ++r) {
      if (const auto sent = tree.sent(r, level)) {
        EXPECT_EQ(holder.at(sent->chunk), r);
        const auto received = tree.received(sent->other, level);
        EXPECT_TRUE(received && received->chunk == sent->chunk && received->other == r && received->into == sent->into);
        holder[sent->chunk] = sent->other;
      }
    }
    for (std::int64_t node = 0; node + half < tree.chunks(); node += 2 * half) {
      EXPECT_EQ(holder.at(node), holder.at(node + half)) << "halves meet on one rank";
      nodes[node] = "(" + nodes[node] + " " + nodes[node + half] + ")";
    }
  }
  EXPECT_EQ(holder.at(0), tree.root_owner());
  return nodes[0];
}

TEST(ChunkTree, IsTheSameForEveryNumberOfRanks) {
  for (const std::int64_t chunks : {1, 2, 3, 5, 8, 13, 64, 100}) {
    const std::string alone = merged_by(ChunkTree(shards_of(chunks, 1), 10), 1);
    for (const int ranks : {2, 3, 4, 5, 7, 8, 31}) {
      EXPECT_EQ(merged_by(ChunkTree(shards_of(chunks, ranks), 10), ranks), alone) << chunks << " over " << ranks;
    }
  }
}

TEST(ChunkTree, SendsLogarithmicallyManyStates) {
  for (const int ranks : {2, 3, 7, 8, 100}) {
    const ChunkTree tree(shards_of(1000, ranks), 10);
    for (int r = 0; r < ranks; ++r) {
      int sends = 0;
      for (int level = 1; level <= tree.levels(); ++level) sends += tree.sent(r, level) ? 1 : 0;
      EXPECT_LE(sends, std::bit_width(1000U));
      EXPECT_EQ(sends == 0, r == 0);
    }
  }
}

TEST(ChunkTree, TakesEmptyShardsAndNoChunksAtAll) {
  const std::vector<RowRange> shards = {{0, 0}, {0, 35}, {35, 35}};
  const ChunkTree tree(shards, 10);
  EXPECT_EQ(tree.chunks(), 4);
  EXPECT_EQ(tree.root_owner(), 1);
  const ChunkTree none(std::vector<RowRange>(3), 10);
  EXPECT_EQ(none.chunks(), 0);
  EXPECT_EQ(none.levels(), 0);
  EXPECT_EQ(none.root_owner(), 0);
}

TEST(ChunkTree, RefusesAShardThatBeginsInsideAChunk) {
  EXPECT_THROW(ChunkTree(std::vector<RowRange>{{0, 15}, {15, 40}}, 10), Error);
}

}  // namespace
}  // namespace knowscale

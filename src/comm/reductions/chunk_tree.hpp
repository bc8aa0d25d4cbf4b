// SPDX-License-Identifier: BSD-3-Clause
// The fixed binary tree over chunks of a knowledge set, and who does what in it.
//
// A node of level l begins at a chunk s that is a multiple of 2^l; its halves begin at s and s + 2^(l-1). A node whose
// right half begins behind the last chunk is its left half. A node belongs to the rank that holds its first chunk.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/partition.hpp"

namespace knowscale {

// A state of one rank that another needs.
struct TreeMessage {
  std::int64_t chunk = 0;  // where the right half begins
  std::int64_t into = 0;   // where the node begins
  int other = 0;           // the rank that receives, or sends
};

class ChunkTree {
 public:
  // shards: keys of each rank. Throws Error(usage) where one does not begin at a border of chunks.
  ChunkTree(std::span<const RowRange> shards, std::int64_t chunk);

  std::int64_t chunks() const { return chunks_; }
  RowRange chunks_of(int rank) const { return held_[static_cast<std::size_t>(rank)]; }
  // The rank that ends with the root; 0 where there is no chunk.
  int root_owner() const { return chunks_ == 0 ? 0 : owner(0); }
  // Levels above the chunks.
  int levels() const;

  // What `rank` sends and receives on a level from 1, before it merges there.
  std::optional<TreeMessage> sent(int rank, int level) const;
  std::optional<TreeMessage> received(int rank, int level) const;

 private:
  int owner(std::int64_t chunk) const;

  std::int64_t chunks_ = 0;
  std::vector<RowRange> held_;  // chunks of each rank
};

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reductions/chunk_tree.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "core/error.hpp"

namespace knowscale {

ChunkTree::ChunkTree(std::span<const RowRange> shards, std::int64_t chunk) {
  for (const RowRange& shard : shards) {
    require(shard.size() == 0 || shard.begin % chunk == 0, ExitStatus::usage,
            "a shard begins at key " + std::to_string(shard.begin) + ", inside a chunk of " + std::to_string(chunk) +
                ": cut the set at multiples of the chunk");
    const std::int64_t end = shard.size() == 0 ? shard.begin : shard.end;
    held_.push_back(shard.size() == 0 ? RowRange{chunks_, chunks_}
                                      : RowRange{shard.begin / chunk, (end + chunk - 1) / chunk});
    chunks_ = std::max(chunks_, held_.back().end);
  }
}

int ChunkTree::levels() const {
  return chunks_ <= 1 ? 0 : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(chunks_ - 1)));
}

int ChunkTree::owner(std::int64_t chunk) const {
  const auto holds = [chunk](const RowRange& held) { return held.begin <= chunk && chunk < held.end; };
  return static_cast<int>(std::find_if(held_.begin(), held_.end(), holds) - held_.begin());
}

std::optional<TreeMessage> ChunkTree::sent(int rank, int level) const {
  const RowRange held = chunks_of(rank);
  const std::int64_t half = std::int64_t{1} << (level - 1), node = held.begin / (2 * half) * (2 * half);
  const std::int64_t right = node + half;
  // The node that begins before this rank's chunks and whose right half does not.
  if (node >= held.begin || right < held.begin || right >= held.end) return std::nullopt;
  return TreeMessage{right, node, owner(node)};
}

std::optional<TreeMessage> ChunkTree::received(int rank, int level) const {
  const RowRange held = chunks_of(rank);
  if (held.size() == 0) return std::nullopt;
  const std::int64_t half = std::int64_t{1} << (level - 1), node = (held.end - 1) / (2 * half) * (2 * half);
  const std::int64_t right = node + half;
  if (node < held.begin || right < held.end || right >= chunks_) return std::nullopt;
  return TreeMessage{right, node, owner(right)};
}

}  // namespace knowscale

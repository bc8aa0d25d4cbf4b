// SPDX-License-Identifier: BSD-3-Clause
// Tile sizes of kernel `simd`: how many rows what a way says in bytes is.
#pragma once

#include <algorithm>

#include "kernels/attention.hpp"
#include "kernels/simd/ways.hpp"

namespace knowscale::simd {

struct Tiles {
  std::int64_t queries = 0;  // rows that stay in the second level while keys pass
  std::int64_t keys = 0;     // whose weights for a tile of queries stay in the first
};

// For `rows` query rows of a key/value head, numbers stored in stored_bytes and computed with in lane_bytes.
Tiles choose_tiles(const HeadShape& shape, std::int64_t rows, std::int64_t stored_bytes, std::int64_t lane_bytes,
                   const Way& way, const TileSizes& forced);

template <class T>
Tiles choose_tiles(const AttentionInput<T>& input, const Way& way) {
  const std::int64_t rows = input.queries.rows * (input.shape.heads / input.shape.kv_heads);
  // No more than there are: memory is taken for a whole block.
  const TileSizes forced = {std::min(input.tiles.queries, std::max<std::int64_t>(rows, 1)),
                            std::min(input.tiles.keys, std::max<std::int64_t>(input.keys.rows, 1))};
  // Bytes are copied to numbers for more than a few rows.
  const bool as_bytes = input.keys.in_bytes() && rows <= 4;
  return choose_tiles(input.shape, rows, as_bytes ? 1 : sizeof(T), sizeof(Accumulator<T>), way, forced);
}

// What one thread takes at most with these.
std::int64_t tiles_scratch_bytes(const HeadShape& shape, std::int64_t lane_bytes);

}  // namespace knowscale::simd

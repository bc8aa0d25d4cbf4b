// SPDX-License-Identifier: BSD-3-Clause
// Tile sizes of kernel `simd` from the sizes of the caches.
#pragma once

#include <algorithm>

#include "kernels/attention.hpp"

namespace knowscale::simd {

// Bytes of the caches of one core, as the system tells (sysfs on Linux), 32 KiB and 512 KiB where it does not.
struct CacheSizes {
  std::int64_t l1 = 0;
  std::int64_t l2 = 0;
};
const CacheSizes& cache_sizes();

// What serves some processors and not others (measurements in tiles.cpp).
struct Processor {
  bool asks_sparsely;        // up to 4 queries: its prefetchers follow lines in order, but not from page to page
  bool broadcasts_are_free;  // as operands in memory: 9 to 16 queries (of lanes of f32 in 512 bits) lie in the lanes
};
const Processor& this_processor();

struct Tiles {
  std::int64_t queries = 0;  // rows that stay in the second level while keys pass
  std::int64_t keys = 0;     // whose weights for a tile of queries stay in the first
};

// For `rows` query rows of a key/value head, numbers stored in stored_bytes and computed with in lane_bytes.
Tiles choose_tiles(const HeadShape& shape, std::int64_t rows, std::int64_t stored_bytes, std::int64_t lane_bytes,
                   const CacheSizes& caches, const TileSizes& forced);

template <class T>
Tiles choose_tiles(const AttentionInput<T>& input) {
  const std::int64_t rows = input.queries.rows * (input.shape.heads / input.shape.kv_heads);
  // No more than there are: memory is taken for a whole block.
  const TileSizes forced = {std::min(input.tiles.queries, std::max<std::int64_t>(rows, 1)),
                            std::min(input.tiles.keys, std::max<std::int64_t>(input.keys.rows, 1))};
  return choose_tiles(input.shape, rows, sizeof(T), sizeof(Accumulator<T>), cache_sizes(), forced);
}

// What one thread takes at most with these.
std::int64_t tiles_scratch_bytes(const HeadShape& shape, std::int64_t lane_bytes);

}  // namespace knowscale::simd

// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/simd/tiles.hpp"

#include <unistd.h>

#include <algorithm>

namespace knowscale::simd {
namespace {

// Measured with bench_attention on an AMD EPYC of family 26 (Zen 5, 48 KiB and 1 MiB a core), 2026-11-24. Other sizes
// around these were within 2 %, but for few queries: their keys and values are asked for a block ahead, and what is
// ahead must not push out what is in use (1 query: .88 of the read rate with blocks of 8 KiB, .75 with 32 KiB; 16
// queries: .61 of the FMA rate with 8 KiB, .77 with 32 KiB).
constexpr std::int64_t kTileQueries = 32;  // of 512-bit vectors of f32; half as many with 256 bits
constexpr std::int64_t kMostKeys = 384, kFewestKeys = 64;
constexpr std::int64_t kMostQueries = 512, kFewestQueries = 64;
constexpr std::int64_t kFewRows = 16;     // that are streamed past as few queries
constexpr std::int64_t kVeryFewRows = 4;  // whose work is hidden behind reading
constexpr std::int64_t kFewKeys = 16;

std::int64_t system_size(int name, std::int64_t otherwise) {
  const long size = sysconf(name);
  return size > 0 ? size : otherwise;
}

}  // namespace

const CacheSizes& cache_sizes() {
  static const CacheSizes sizes = {system_size(_SC_LEVEL1_DCACHE_SIZE, 32 << 10),
                                   system_size(_SC_LEVEL2_CACHE_SIZE, 512 << 10)};
  return sizes;
}

Tiles choose_tiles(const HeadShape& shape, std::int64_t rows, std::int64_t stored_bytes, std::int64_t lane_bytes,
                   const CacheSizes& caches, const TileSizes& forced) {
  const std::int64_t width = shape.key_dim + shape.value_dim;
  const auto share = [](std::int64_t bytes, std::int64_t bytes_a_row, std::int64_t multiple) {
    return bytes / bytes_a_row / multiple * multiple;
  };
  Tiles tiles;
  // Packed queries and sums fill half of the second level,
  tiles.queries = std::clamp(share(caches.l2 / 2, width * lane_bytes, 64), kFewestQueries, kMostQueries);
  // the weights of a tile of queries two thirds of the first; of few queries, keys and values that or a sixth.
  if (rows > kFewRows) {
    tiles.keys = std::clamp(share(caches.l1 * 2 / 3, kTileQueries * lane_bytes, 64), kFewestKeys, kMostKeys);
  } else {
    const std::int64_t bytes = rows > kVeryFewRows ? caches.l1 * 2 / 3 : caches.l1 / 6;
    tiles.keys = std::clamp(share(bytes, width * stored_bytes, kFewKeys), kFewKeys, kMostKeys);
  }
  if (forced.queries > 0) tiles.queries = forced.queries;
  if (forced.keys > 0) tiles.keys = forced.keys;
  return tiles;
}

std::int64_t tiles_scratch_bytes(const HeadShape& shape, std::int64_t lane_bytes) {
  const std::int64_t width = shape.key_dim + shape.value_dim;
  return (kMostQueries * (width + 3) + kMostKeys * (width + kTileQueries)) * lane_bytes;
}

}  // namespace knowscale::simd

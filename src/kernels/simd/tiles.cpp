// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/simd/tiles.hpp"

#include <unistd.h>

#include <algorithm>

namespace knowscale::simd {
namespace {

// Measured with bench_attention on an AMD EPYC of family 26 (Zen 5, 48 KiB and 1 MiB a core), 2026-11-24.
constexpr std::int64_t kTileQueries = 32;     // of 512-bit vectors; half as many with 256 bits
constexpr std::int64_t kMostKeys = 384, kFewestKeys = 64;
constexpr std::int64_t kMostQueries = 512, kFewestQueries = 64;
constexpr std::int64_t kFewRows = 16;         // rows that are streamed past as few queries,
constexpr std::int64_t kFewKeys = 64;         // and keys at a time then

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

Tiles choose_tiles(const HeadShape& shape, std::int64_t rows, std::int64_t lane_bytes, const CacheSizes& caches,
                   const TileSizes& forced) {
  const std::int64_t width = shape.key_dim + shape.value_dim;
  Tiles tiles;
  // Packed queries and sums fill half of the second level, weights two thirds of the first.
  tiles.queries = std::clamp(caches.l2 / 2 / (width * lane_bytes) / 64 * 64, kFewestQueries, kMostQueries);
  tiles.keys = rows <= kFewRows ? kFewKeys
                                : std::clamp(caches.l1 * 2 / 3 / (kTileQueries * lane_bytes) / 64 * 64, kFewestKeys,
                                             kMostKeys);
  if (forced.queries > 0) tiles.queries = forced.queries;
  if (forced.keys > 0) tiles.keys = forced.keys;
  return tiles;
}

std::int64_t tiles_scratch_bytes(const HeadShape& shape, std::int64_t lane_bytes) {
  const std::int64_t width = shape.key_dim + shape.value_dim;
  return (kMostQueries * (width + 3) + kMostKeys * (width + kTileQueries)) * lane_bytes;
}

}  // namespace knowscale::simd

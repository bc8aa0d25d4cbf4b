// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/simd/tiles.hpp"

#include <unistd.h>

#include <algorithm>

namespace knowscale::simd {
namespace {

// Measured with bench_attention on an AMD EPYC of family 26 (Zen 5, 48 KiB and 1 MiB a core), 2026-11-24. Other sizes
// around these were within 2 %, but for few queries: their keys and values are asked for a block ahead, and what is
// ahead must not push out what is in use (1 query: .88 of the read rate with blocks of 8 KiB, .75 with 32 KiB; 16
// queries: .61 of the FMA rate with 8 KiB, .77 with 32 KiB). On a Zen 4 (32 KiB and 1 MiB a core) 4 queries are at .84
// of the read rate with blocks of 8 KiB, at .80 with 16 KiB, .75 with 32 KiB, and 16 queries at .82, .87, .89 of the
// FMA rate.
constexpr std::int64_t kTileQueries = 32;  // of 512-bit vectors of f32; half as many with 256 bits
constexpr std::int64_t kMostKeys = 384, kFewestKeys = 64;
constexpr std::int64_t kMostQueries = 512, kFewestQueries = 64;
constexpr std::int64_t kFewRows = 16;            // that are streamed past as few queries
constexpr std::int64_t kVeryFewRows = 4;         // whose work is hidden behind reading
constexpr std::int64_t kFewBytes = 32 << 10;     // of keys and values
constexpr std::int64_t kVeryFewBytes = 8 << 10;  // a page of each
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

// Zen 4, the one processor of its family with AVX-512 (EPYC of family 25, model 17; 2026-11-24). There, for 1 query x
// 2^20 keys x 64 in f32, of the read rate: .54 with every line asked for into the first level, a block ahead; .46 with
// none; in the order of memory (few_queries-inl.hpp) .86 with every line, .63 with none, .97 with a line of every KiB,
// a page ahead, into the second level, and .78 with that into the first. A plain read of lines in the order that
// 16 rows x 4 columns need them is at .43. For 16 queries, of the FMA rate: .75 in blocks of lanes, .89 in lanes.
const Processor& this_processor() {
#if defined(__x86_64__)
  static const bool zen4 = __builtin_cpu_is("amdfam19h") && __builtin_cpu_supports("avx512f");
#else
  static const bool zen4 = false;
#endif
  static const Processor processor = {zen4, zen4};
  return processor;
}

Tiles choose_tiles(const HeadShape& shape, std::int64_t rows, std::int64_t stored_bytes, std::int64_t lane_bytes,
                   const CacheSizes& caches, const TileSizes& forced) {
  const std::int64_t width = shape.key_dim + shape.value_dim;
  const auto share = [](std::int64_t bytes, std::int64_t bytes_per_row, std::int64_t multiple) {
    return bytes / bytes_per_row / multiple * multiple;
  };
  Tiles tiles;
  // Packed queries and sums fill half of the second level,
  tiles.queries = std::clamp(share(caches.l2 / 2, width * lane_bytes, 64), kFewestQueries, kMostQueries);
  // the weights of a tile of queries two thirds of the first.
  if (rows > kFewRows) {
    tiles.keys = std::clamp(share(caches.l1 * 2 / 3, kTileQueries * lane_bytes, 64), kFewestKeys, kMostKeys);
  } else {
    // One query that asks sparsely has nothing ahead in the first level (.97 of the read rate; with 8 KiB .89).
    const bool longer = rows > kVeryFewRows || (rows == 1 && this_processor().asks_sparsely);
    const std::int64_t bytes = longer ? kFewBytes : kVeryFewBytes;
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

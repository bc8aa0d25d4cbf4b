// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/simd/tiles.hpp"

namespace knowscale::simd {
namespace {

constexpr std::int64_t kTileQueries = 32;  // of 512-bit vectors of f32; fewer with 256 bits
constexpr std::int64_t kMostKeys = 384, kFewestKeys = 64, kFewKeys = 16;
constexpr std::int64_t kMostQueries = 512, kFewestQueries = 64;

}  // namespace

Tiles choose_tiles(const HeadShape& shape, std::int64_t rows, std::int64_t stored_bytes, std::int64_t lane_bytes,
                   const Way& way, const TileSizes& forced) {
  const std::int64_t width = shape.key_dim + shape.value_dim;
  const auto share = [](std::int64_t bytes, std::int64_t bytes_per_row, std::int64_t multiple) {
    return bytes / bytes_per_row / multiple * multiple;
  };
  Tiles tiles;
  tiles.queries = std::clamp(share(way.query_bytes, width * lane_bytes, 64), kFewestQueries, kMostQueries);
  tiles.keys = rows >= kRowCounts.back().least
                   ? std::clamp(share(way.key_bytes, kTileQueries * lane_bytes, 64), kFewestKeys, kMostKeys)
                   : std::clamp(share(way.key_bytes, width * stored_bytes, kFewKeys), kFewKeys, kMostKeys);
  if (forced.queries > 0) tiles.queries = forced.queries;
  if (forced.keys > 0) tiles.keys = forced.keys;
  return tiles;
}

std::int64_t tiles_scratch_bytes(const HeadShape& shape, std::int64_t lane_bytes) {
  const std::int64_t width = shape.key_dim + shape.value_dim;
  return (kMostQueries * (width + 3) + kMostKeys * (width + kTileQueries)) * lane_bytes;
}

}  // namespace knowscale::simd

// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/attention/task.hpp"

#include <algorithm>

#include "kernels/cuda/runtime/tiles.hpp"

namespace knowscale::cuda {
namespace {

constexpr double kGoodEnough = 0.85;
constexpr std::int64_t kMostSplits = 1024;
// A split that reads fewer blocks of keys spends more on starting and merging than it gains.
constexpr std::int64_t kLeastBlocks = 4;

}  // namespace

Splits split_keys(std::int64_t tiles, std::int64_t key_count, int key_block, std::int64_t slots) {
  const std::int64_t blocks = std::max<std::int64_t>(tiles_of(key_count, key_block), 1);
  const std::int64_t most = std::clamp<std::int64_t>(blocks / kLeastBlocks, 1, kMostSplits);
  const auto blocks_each = [&](std::int64_t splits) { return tiles_of(blocks, splits); };
  // Time of all waves at one block of keys per unit of time, against that of a perfect division.
  const auto efficiency = [&](std::int64_t splits) {
    const std::int64_t used = tiles_of(blocks, blocks_each(splits));
    const std::int64_t waves = tiles_of(tiles * used, slots);
    return static_cast<double>(tiles * blocks) / static_cast<double>(waves * slots * blocks_each(splits));
  };
  double best = 0;
  for (std::int64_t s = 1; s <= most; ++s) best = std::max(best, efficiency(s));
  std::int64_t splits = 1;
  while (splits < most && efficiency(splits) < kGoodEnough * best) ++splits;
  const std::int64_t each = blocks_each(splits);
  return {static_cast<int>(tiles_of(blocks, each)), static_cast<int>(each * key_block)};
}

}  // namespace knowscale::cuda

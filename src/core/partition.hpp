// SPDX-License-Identifier: BSD-3-Clause
// Contiguous row ranges: who owns which rows of a knowledge set or of a result.
#pragma once

#include <algorithm>
#include <cstdint>

namespace knowscale {

struct RowRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  constexpr std::int64_t size() const { return end - begin; }
  constexpr bool operator==(const RowRange&) const = default;
};

// Part `index` of `rows` rows cut into `parts` ranges in order, whose sizes differ by at most one
// (the longer ones first). Ranges are empty where rows < parts.
constexpr RowRange row_range(std::int64_t rows, std::int64_t parts, std::int64_t index) {
  const std::int64_t each = rows / parts, longer = rows % parts;
  const std::int64_t begin = index * each + std::min(index, longer);
  return {begin, begin + each + (index < longer ? 1 : 0)};
}

// The same with borders at multiples of `granule` rows alone.
constexpr RowRange shard_range(std::int64_t rows, std::int64_t parts, std::int64_t granule, std::int64_t index) {
  const RowRange granules = row_range((rows + granule - 1) / granule, parts, index);
  return {std::min(granules.begin * granule, rows), std::min(granules.end * granule, rows)};
}

}  // namespace knowscale

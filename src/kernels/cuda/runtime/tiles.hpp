// SPDX-License-Identifier: BSD-3-Clause
// How work is cut for a grid of blocks.
#pragma once

#include <cstdint>

namespace knowscale::cuda {

// Tiles of `each` that cover `count`.
constexpr std::int64_t tiles_of(std::int64_t count, std::int64_t each) { return (count + each - 1) / each; }

// The same, as grids count.
constexpr unsigned blocks_of(std::int64_t count, std::int64_t each) {
  return static_cast<unsigned>(tiles_of(count, each));
}

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// Random numbers of tests that run where knowscale's own generator is not built.
#pragma once

#include <cstdint>
#include <random>
#include <span>

namespace knowscale::cuda {

// Standard normal: the same for the same seed and row.
inline void fill_normal(std::uint32_t seed, std::int64_t row, std::span<double> out) {
  std::seed_seq both{seed, static_cast<std::uint32_t>(row)};
  std::mt19937 engine(both);
  std::normal_distribution<double> normal;
  for (double& x : out) x = normal(engine);
}

}  // namespace knowscale::cuda

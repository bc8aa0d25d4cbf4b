// SPDX-License-Identifier: BSD-3-Clause
// Counter-based random numbers: element (row, column) of a stream is a function of its index and the
// seed alone, so that data are the same for every rank count and every order of work.
// Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11) by Random123.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace knowscale {

// What a sequence of numbers is for; those for two purposes, of one seed, are independent.
enum class Draw : std::uint64_t {
  keys = 1,
  values,
  queries,
  weights,
  centres,
  membership,
  samples,
  rotation,
  order,
  lengths
};

// Four independent 64-bit words for (seed, draw, row, block).
std::array<std::uint64_t, 4> random_words(std::uint64_t seed, Draw draw, std::uint64_t row, std::uint64_t block);

// out[j] = element (row, j): standard normal, by Box-Muller.
void fill_normal(std::uint64_t seed, Draw draw, std::int64_t row, std::span<double> out);

// out[j] = element (row, j): uniform in (-1, 1).
void fill_uniform(std::uint64_t seed, Draw draw, std::int64_t row, std::span<double> out);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "core/random.hpp"

#include <algorithm>

#include <Random123/philox.h>
#include <Random123/boxmuller.hpp>
#include <Random123/uniform.hpp>

namespace knowscale {

std::array<std::uint64_t, 4> random_words(std::uint64_t seed, Draw draw, std::uint64_t row, std::uint64_t block) {
  const r123::Philox4x64::ctr_type counter = {{row, block, 0, 0}};
  const r123::Philox4x64::key_type key = {{seed, static_cast<std::uint64_t>(draw)}};
  const auto words = r123::Philox4x64{}(counter, key);
  return {words[0], words[1], words[2], words[3]};
}

namespace {

// Calls four_of(words) -> std::array<double, 4> for each block of four columns.
template <class FourOf>
void fill(std::uint64_t seed, Draw draw, std::int64_t row, std::span<double> out, FourOf four_of) {
  for (std::size_t begin = 0; begin < out.size(); begin += 4) {
    const std::array<double, 4> four = four_of(random_words(seed, draw, static_cast<std::uint64_t>(row), begin / 4));
    for (std::size_t j = begin; j < std::min(begin + 4, out.size()); ++j) out[j] = four[j - begin];
  }
}

}  // namespace

void fill_normal(std::uint64_t seed, Draw draw, std::int64_t row, std::span<double> out) {
  fill(seed, draw, row, out, [](const std::array<std::uint64_t, 4>& words) {
    const r123::double2 a = r123::boxmuller(words[0], words[1]), b = r123::boxmuller(words[2], words[3]);
    return std::array<double, 4>{a.x, a.y, b.x, b.y};
  });
}

void fill_uniform(std::uint64_t seed, Draw draw, std::int64_t row, std::span<double> out) {
  fill(seed, draw, row, out, [](const std::array<std::uint64_t, 4>& words) {
    return std::array<double, 4>{r123::uneg11<double>(words[0]), r123::uneg11<double>(words[1]),
                                 r123::uneg11<double>(words[2]), r123::uneg11<double>(words[3])};
  });
}

}  // namespace knowscale

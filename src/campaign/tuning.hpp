// SPDX-License-Identifier: BSD-3-Clause
// The file of what kernel `simd` likes best on a machine: `knowscale tune` writes it, `run` takes it. TOML, by
// processor and build; readable, with what every way reached that was tried.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernels/simd/ways.hpp"

namespace knowscale {

struct TriedWay {
  simd::Way way;
  double speed = 1;          // time of the hardware's way over this one's, median of paired rounds
  double low = 1, high = 1;  // its 95 % interval
};

// What was found for one format and class of rows (an index of simd::kRowCounts).
struct TunedClass {
  Precision precision = Precision::f32;
  std::size_t rows = 0;
  simd::Way way;
  double reached = 0;  // share of the rate that bounds it
  std::string rate;    // "read" or "FMA"
  std::vector<TriedWay> tried;
};

struct Tuning {
  std::string processor, build;  // that it holds for
  std::string measured;          // when, and on how many ranks
  std::vector<TunedClass> classes;
};

// KNOWSCALE_TUNING, or tuning-<processor>-<build>.toml in the user's cache ($XDG_CACHE_HOME/knowscale, else
// ~/.cache/knowscale). Empty where neither is known, and for "none". Throws Error(usage) for an empty variable.
std::string tuning_path();

std::string text_of(const Tuning& tuning);

// Throws Error(usage) with place, key, value and remedy.
Tuning parse_tuning(const std::string& text, const std::string& path);

// "asks sparsely, queries in blocks, 8 KiB of keys and values".
std::string text_of(const simd::Way& way, std::size_t row_class);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Ways past the keys: what some machines like better than others, by format and number of query rows. A process takes
// what the hardware says (vector width, caches), or what was measured on it (study/tune.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/precision.hpp"

namespace knowscale::simd {

// Bytes of the caches of one core, as the system tells (sysfs on Linux), 32 KiB and 512 KiB where it does not.
struct CacheSizes {
  std::int64_t l1 = 0;
  std::int64_t l2 = 0;
};
const CacheSizes& cache_sizes();

// How many rows of queries go past the keys at once: few are bound by reading, many by arithmetic.
struct RowCounts {
  std::int64_t least, most;
  std::string_view name;
};
inline constexpr std::array<RowCounts, 5> kRowCounts = {
    {{1, 1, "1"}, {2, 4, "2 to 4"}, {5, 8, "5 to 8"}, {9, 16, "9 to 16"}, {17, INT64_MAX, "17 and more"}}};
// The index of theirs.
std::size_t class_of_rows(std::int64_t rows);

// All of them compute the same but for rounding.
struct Way {
  // Rows of which each is whole vectors: asks memory for a line of every KiB of what is read now, a page ahead, instead
  // of every line of what is read next. (Prefetchers that follow lines in order, but not from page to page.)
  bool sparsely = false;
  // More rows than half of a vector's lanes, and no more than these, lie in the lanes instead of in blocks of them:
  // where a broadcast as an operand is free.
  bool in_lanes = false;
  // At a time: of keys and values as stored, of the last class of their weights for 32 queries;
  std::int64_t key_bytes = 0;
  std::int64_t query_bytes = 0;  // packed queries and sums
  bool operator==(const Way&) const = default;
};

// A way for each format and class of rows.
struct Ways {
  std::array<std::array<Way, kRowCounts.size()>, kPrecisions.size()> all;
  Way& of(Precision precision, std::size_t row_class) { return all[static_cast<std::size_t>(precision)][row_class]; }
  const Way& of(Precision precision, std::int64_t rows) const {
    return all[static_cast<std::size_t>(precision)][class_of_rows(rows)];
  }
};

// What the hardware says.
const Ways& ways_of_hardware();

// What may be better for a class of rows, the hardware's own first. Each goes another way here: none is the same code
// as another one.
std::vector<Way> alternatives(Precision precision, std::size_t row_class);

// That of this process: the hardware's, until other ones are taken. Not while a kernel runs.
const Ways& ways();
void take_ways(const Ways& ways);

}  // namespace knowscale::simd

// SPDX-License-Identifier: BSD-3-Clause
// What a campaign may ask for: the range of the types that hold its numbers later, and of what makes sense. What
// multiplies is checked as a product in expand().
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace knowscale {

struct WholeNumbers {
  std::int64_t least = 0, most = std::numeric_limits<std::int64_t>::max();
};
struct RealNumbers {
  double least = std::numeric_limits<double>::min(), most = std::numeric_limits<double>::max();  // normal ones
};

inline constexpr WholeNumbers kSeeds = {};
inline constexpr WholeNumbers kCounts = {1, std::int64_t{1} << 40};      // tokens, vectors, sequences
inline constexpr WholeNumbers kColumns = {1, std::int64_t{1} << 24};     // MPI and BLAS count columns with int
inline constexpr WholeNumbers kBlockRows = {1, std::int64_t{1} << 20};   // that a kernel works on at a time
inline constexpr WholeNumbers kRankCounts = {1, std::int64_t{1} << 24};  // become int
inline constexpr WholeNumbers kThreadCounts = {0, 4096};                 // of a rank; become int
inline constexpr WholeNumbers kThreadsPerCore = {1, 4096};
inline constexpr WholeNumbers kCaseCounts = {1, 10'000'000};          // that max_cases may allow
inline constexpr WholeNumbers kLeastRepetitions = {1, 10'000};        // more are never made
inline constexpr RealNumbers kCaseSeconds = {1e-9, 7 * 24 * 3600.0};  // from a clock's tick to a week
inline constexpr RealNumbers kIntervals = {1e-12, 1e6};               // of the median

// Of the file, before it is parsed: dotted keys cost the square of their length, and the stack as much as they nest.
inline constexpr std::size_t kMostCampaignBytes = std::size_t{4} << 20;
inline constexpr std::size_t kMostLineBytes = std::size_t{8} << 10;
inline constexpr std::size_t kMostNameBytes = 4096;  // the longest path of a system

inline constexpr std::int64_t kDefaultThreadsPerCore = 4, kDefaultMaxCases = 10'000;

}  // namespace knowscale

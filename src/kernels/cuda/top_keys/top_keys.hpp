// SPDX-License-Identifier: BSD-3-Clause
// The keys that queries attend to most, of a shard in device memory: what kernels/top_keys.hpp says, scores to the same
// bits as the host's, lse but for rounding.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/partition.hpp"
#include "kernels/attention.hpp"
#include "kernels/cuda/runtime/device.hpp"
#include "kernels/top_keys.hpp"

namespace knowscale::cuda {

// Keys that are scored and listed at a time, of each range: what a block of threads sorts in shared memory at most.
inline constexpr std::int64_t kTopKeysChunk = 1024;

// How the work is divided: so many queries at a time, and the keys into ranges that have lists of their own.
struct TopKeysSplit {
  std::int64_t queries = 1;
  std::int64_t ranges = 1;

  bool operator==(const TopKeysSplit&) const = default;
};

// For n queries of `heads` heads, m keys, lists of `kept` keys. Scores of a chunk stay in the second level of cache
// (16 MiB), lists within 64 MiB, but for one query at least. Where rows are few, ranges give a device enough to do,
// each worth its merge. It asks no device: lse is the same bits on all.
constexpr TopKeysSplit split_top_keys(std::int64_t n, std::int64_t m, std::int64_t heads, std::int64_t kept) {
  constexpr std::int64_t kMostRows = 2048, kMostListed = 1 << 22, kLists = 1024, kLeastKeys = 4096;
  const std::int64_t rows = std::min(kMostRows, kMostListed / kept);
  const std::int64_t queries = std::clamp<std::int64_t>(rows / heads, 1, std::max<std::int64_t>(n, 1));
  const std::int64_t lists = std::min(kLists, kMostListed / kept) / (queries * heads);
  const std::int64_t most_ranges = std::max<std::int64_t>(m / std::max(kLeastKeys, 4 * kept), 1);
  return {queries, std::clamp<std::int64_t>(lists, 1, most_ranges)};
}

// Keys of chunk `step` of range `range`: none behind the range's last.
constexpr RowRange top_keys_chunk(std::int64_t m, std::int64_t ranges, std::int64_t range, std::int64_t step) {
  const RowRange keys = row_range(m, ranges, range);
  const std::int64_t begin = std::min(keys.begin + step * kTopKeysChunk, keys.end);
  return {begin, std::min(begin + kTopKeysChunk, keys.end)};
}

// What is known of a row's keys in a range so far, beside the list of its best.
struct TopKeysState {
  double maximum;       // of scores, NaN apart
  double sum;           // of exp(score - maximum)
  std::int64_t listed;  // keys in the list, which is sorted
};

// Device memory that top_keys() makes as large as it needs, for the next call too.
struct TopKeysScratch {
  DeviceBuffer<double> scores;
  DeviceBuffer<TopKey> lists;
  DeviceBuffer<TopKeysState> states;
};

// The `count` >= 1 keys of highest score for all queries and heads of `input`, whose queries and keys are in device
// memory, and their lse, in host memory: waits for the stream.
template <class T>
TopKeys top_keys(const AttentionInput<T>& input, std::int64_t count, TopKeysScratch& scratch, const Stream& stream);
// The same with work divided otherwise: only lse depends on it, in rounding.
template <class T>
TopKeys top_keys(const AttentionInput<T>& input, std::int64_t count, const TopKeysSplit& split, TopKeysScratch& scratch,
                 const Stream& stream);

}  // namespace knowscale::cuda

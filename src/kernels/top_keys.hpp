// SPDX-License-Identifier: BSD-3-Clause
// Which keys a query attends to most, over one shard and merged over many. A key's weight in the softmax is
// exp(score - lse).
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "core/partition.hpp"
#include "kernels/attention.hpp"

namespace knowscale {

struct TopKey {
  std::int64_t key = -1;  // a row of the shard; -1 where there is none
  double score = -std::numeric_limits<double>::infinity();

  bool operator==(const TopKey&) const = default;
};

// Highest score first, ties by the smaller key; no NaN.
inline bool ranks_before(const TopKey& a, const TopKey& b) {
  return a.score != b.score ? a.score > b.score : a.key < b.key;
}

// log(exp(a) + exp(b)), the same to the bit for (b, a); -inf is the log of nothing. NaN where either is.
double log_add(double a, double b);

// What one shard knows of the keys that each query attends to most. Row i heads + head is head `head` of query i.
struct TopKeys {
  std::int64_t count = 0;    // kept a row
  std::vector<TopKey> keys;  // rows x count, as they rank; those that are none come last
  std::vector<double> lse;   // rows: log sum_k exp(score_k) over the shard; -inf where no key is seen

  TopKeys() = default;
  TopKeys(std::int64_t rows, std::int64_t count);  // set to the identity of merge(): no keys

  std::int64_t rows() const { return static_cast<std::int64_t>(lse.size()); }
  TopKey* row(std::int64_t i) { return keys.data() + i * count; }
  const TopKey* row(std::int64_t i) const { return keys.data() + i * count; }
};

// The `count` >= 1 keys of highest score scale q . k for all queries and heads of `input`, and their lse. Its values
// and tile sizes are not read, its mask must hide nothing: throws Error(usage) otherwise. There may be fewer keys than
// `count`, or none.
//
// Scores are computed in f64 whatever T is, as one chain of multiply-adds in the order of the columns, then scaled:
// equal keys have equal scores in whatever shard, tile and thread they are, so that ties are ties. Unless T is double,
// products are exact, and scores the same on every instruction set. Keys of score -inf have no weight and are not
// listed. Where a score of a row is NaN, that key is not listed, the others are as if it were not there, and lse is
// NaN; lse is also NaN where a score is +inf. Threads divide the work; results, lse too, do not depend on how many
// there are.
template <class T>
TopKeys top_keys(const AttentionInput<T>& input, std::int64_t count, const Threads& threads);
template <class T>
using FindTopKeys = TopKeys(const AttentionInput<T>& input, std::int64_t count, const Threads& threads);

// Counts keys from `first`, the first row of this shard in the whole, as a merge of shards needs them.
void shift_keys(TopKeys& top, std::int64_t first);

// into = what the shards of both know: as many rows and keys per row, no key in both. Keys and scores are exact, so
// that the order of merges does not matter; lse is but for rounding, and of two shards without keys is -inf, without
// NaN.
void merge(TopKeys& into, const TopKeys& from);
// The same for these rows alone.
void merge(TopKeys& into, const TopKeys& from, RowRange rows);

}  // namespace knowscale

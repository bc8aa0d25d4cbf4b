// SPDX-License-Identifier: BSD-3-Clause
// Sequences that lie one behind the other, cut apart: kernels are given one at a time.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/attention.hpp"

namespace knowscale {

// Queries of one sequence and the keys of the same; row ranges of an input.
struct OneSequence {
  RowRange queries, keys;
};

// Tokens of `sequence` among those from `first` on, as rows.
inline RowRange rows_in(RowRange sequence, std::int64_t first, std::int64_t rows) {
  const std::int64_t begin = std::max(sequence.begin, first), end = std::min(sequence.end, first + rows);
  return {begin - first, std::max(begin, end) - first};
}

// Those of input.mask.sequences that have queries here.
template <class T>
std::vector<OneSequence> sequences_of(const AttentionInput<T>& input) {
  std::vector<OneSequence> parts;
  for (const RowRange& sequence : input.mask.sequences) {
    const OneSequence part = {rows_in(sequence, input.mask.first_query, input.queries.rows),
                              rows_in(sequence, input.mask.first_key, input.keys.rows)};
    if (part.queries.size() > 0) parts.push_back(part);
  }
  return parts;
}

// The input of one of them.
template <class T>
AttentionInput<T> part_of(const AttentionInput<T>& input, const OneSequence& part) {
  AttentionInput<T> one = input;
  one.queries = input.queries.slice_rows(part.queries);
  one.keys = input.keys.slice_rows(part.keys);
  one.values = input.values.slice_rows(part.keys);
  one.screen = {};
  one.mask.sequences = {};
  one.mask.first_query += part.queries.begin;
  one.mask.first_key += part.keys.begin;
  if (!one.mask.visible.empty()) {
    one.mask.visible =
        one.mask.visible.subspan(static_cast<std::size_t>(part.keys.begin), static_cast<std::size_t>(part.keys.size()));
  }
  return one;
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Rows of queries that share a key/value head: with grouped heads those of the whole group, so that they fill lanes
// together. Row i is head i % group of query i / group.
#pragma once

#include "kernels/attention.hpp"

namespace knowscale {

inline constexpr double kLog2e = 1.44269504088896340736;

struct QueryRows {
  HeadShape shape;
  std::int64_t kv_head = 0;
  std::int64_t begin = 0;  // of all n x group rows of the key/value head
  std::int64_t count = 0;

  std::int64_t group() const { return shape.heads / shape.kv_heads; }
  std::int64_t query_index(std::int64_t row) const { return (begin + row) / group(); }
  std::int64_t head(std::int64_t row) const { return kv_head * group() + (begin + row) % group(); }
  std::int64_t partial_row(std::int64_t row) const { return query_index(row) * shape.heads + head(row); }

  template <class T>
  const T* query(const AttentionInput<T>& input, std::int64_t row) const {
    return input.queries.row(query_index(row)) + head(row) * shape.key_dim;
  }
};

}  // namespace knowscale

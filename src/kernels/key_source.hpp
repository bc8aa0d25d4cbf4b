// SPDX-License-Identifier: BSD-3-Clause
// Keys of one kind, such as a sequence's own tokens or the knowledge, of which one softmax may have several.
#pragma once

#include "kernels/attention.hpp"

namespace knowscale {

// Keys of one kind, and what hides them; views.
template <class T>
struct KeySource {
  StoredRows<T> keys;    // m x (kv_heads key_dim), m may be 0
  StoredRows<T> values;  // m x (kv_heads value_dim)
  Mask mask = {};        // its first_query counts from that of the queries
  Screen screen = {};
};

// The attention of `queries` to the keys of one source.
template <class T>
AttentionInput<T> attention_to(const KeySource<T>& source, const AttentionInput<T>& queries) {
  AttentionInput<T> input = queries;
  input.keys = source.keys;
  input.values = source.values;
  input.mask = source.mask;
  input.screen = source.screen;
  input.mask.first_query += queries.mask.first_query;
  return input;
}

}  // namespace knowscale

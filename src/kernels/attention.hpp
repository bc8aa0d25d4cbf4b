// SPDX-License-Identifier: BSD-3-Clause
// Exact attention over one shard: what is asked of a kernel (kernels/kernel.hpp), whose result is a partial state
// (kernels/partial.hpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "core/matrix.hpp"
#include "core/precision.hpp"
#include "core/stored_rows.hpp"

namespace knowscale {

class Threads;

// Keys that kernels have screened, and those of them that they have read as numbers, too.
struct ScreenCount {
  std::atomic<std::int64_t> screened = 0, read = 0;
};

// The same keys in int8, by whose scores a kernel may tell that most keys of a few queries do not matter: such that
// weigh less than 2^-24 of the leading one all together. Kernels that do not screen read all keys.
struct Screen {
  ByteRows keys;
  std::int64_t of_keys = 0;      // of all ranks, under the softmax
  ScreenCount* count = nullptr;  // of the rank; none: there is nothing to screen by

  explicit operator bool() const { return count != nullptr; }
  Screen slice_rows(RowRange range) const { return {{keys.layout, keys.records.slice_rows(range)}, of_keys, count}; }
};

// How the columns of queries, keys and values divide into heads. Query head h attends with key/value head
// h / (heads / kv_heads) (grouped-query attention: Ainslie et al., 2023).
struct HeadShape {
  std::int64_t heads = 1;
  std::int64_t kv_heads = 1;  // divides heads
  std::int64_t key_dim = 0;   // of one head
  std::int64_t value_dim = 0;

  std::int64_t kv_head_of(std::int64_t head) const { return head / (heads / kv_heads); }
  bool operator==(const HeadShape&) const = default;
};

// Which keys a query may see. A query that sees none has the identity as its state. Values of hidden keys must be
// finite.
struct Mask {
  bool causal = false;                    // keys are tokens; those behind the query's own are hidden from it
  std::int64_t first_query = 0;           // the token that the first query is,
  std::int64_t first_key = 0;             // and the first key
  std::span<const std::uint8_t> visible;  // 0 hides a key from all queries; m bytes, or none: all are visible
  // Tokens of each sequence, in order: those of other sequences are hidden; none: all tokens are one sequence. Kernels
  // take no such mask: attend() gives them one sequence at a time.
  std::span<const RowRange> sequences;

  bool hides_nothing() const { return !causal && visible.empty() && sequences.empty(); }
  bool depends_on_query() const { return causal || !sequences.empty(); }
  // Where causal, query i sees keys up to i + offset().
  std::int64_t offset() const { return first_query - first_key; }
  bool shows(std::int64_t query, std::int64_t key) const {
    return (!causal || key <= query + offset()) && (visible.empty() || visible[static_cast<std::size_t>(key)] != 0);
  }
};

// How many rows a kernel works on at a time; 0: as the caches suggest. Results do not depend on it but for rounding.
struct TileSizes {
  std::int64_t queries = 0;
  std::int64_t keys = 0;
};

// softmax(scale Q K^T) V over the m keys of one shard; a view, nothing is owned. Numbers are stored as T and computed
// with as Accumulator<T>.
template <class T>
struct AttentionInput {
  MatrixView<const T> queries;  // n x (heads key_dim)
  StoredRows<T> keys;           // m x (kv_heads key_dim), m may be 0; in bytes where the kernel reads them
  StoredRows<T> values;         // m x (kv_heads value_dim)
  HeadShape shape;
  double scale = 1;
  Mask mask = {};
  TileSizes tiles = {};
  Screen screen = {};
  // The same bits on every machine of a kind: kernels choose nothing by what was measured on this one.
  bool same_bits = false;
};

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Exact attention over one shard: the kernel table and the partial state that reductions merge.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/matrix.hpp"
#include "core/precision.hpp"

namespace knowscale {

class Threads;

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
  MatrixView<const T> keys;     // m x (kv_heads key_dim), m may be 0
  MatrixView<const T> values;   // m x (kv_heads value_dim)
  HeadShape shape;
  double scale = 1;
  Mask mask = {};
  TileSizes tiles = {};
};

// Partial state of n queries x h heads: row i h + head holds [o_0 .. o_{dv-1} | l | m] where
//   l = sum_k exp(s_k - m),   o = sum_k exp(s_k - m) v_k   over the keys seen so far,
// and m, what the scores s_k are relative to, is their maximum or a score at most 32 log 2 below it: a kernel need not
// follow the maximum at every step, and nothing that reads a state needs to know which it is.
// Rows are contiguous, so that a row is one element of a message. The identity (no key seen) is
// o = 0, l = 0, m = -inf; lse = m + log l.
template <class T>
class Partial {
 public:
  Partial() = default;
  Partial(std::int64_t queries, const HeadShape& shape);  // set to the identity

  std::int64_t queries() const { return queries_; }
  std::int64_t heads() const { return heads_; }
  std::int64_t value_dim() const { return rows_.cols() - 2; }
  std::int64_t row_count() const { return rows_.rows(); }
  std::int64_t row_width() const { return rows_.cols(); }
  MatrixView<T> rows() { return rows_.view(); }
  MatrixView<const T> rows() const { return rows_.view(); }

 private:
  std::int64_t queries_ = 0;
  std::int64_t heads_ = 0;
  Matrix<T> rows_;
};

// Sets rows to the identity of merge().
template <class T>
void clear(MatrixView<T> rows);

// into = into merged with from, row by row; exact in real numbers, associative and commutative up to
// rounding. Two identities merge to the identity, without NaN.
template <class T>
void merge(MatrixView<T> into, MatrixView<const T> from);

// Re-expresses rows against new maxima (at least their own): o, l scaled by exp(m - maxima[i]), m set.
// A row with maxima[i] = -inf stays the identity.
template <class T>
void rescale(MatrixView<T> rows, std::span<const T> maxima);

// out row i = o / l of rows row i, 0 where no key was seen. out is rows.rows x value_dim, contiguous.
template <class T>
void normalise(MatrixView<const T> rows, MatrixView<T> out);

// The same, the rows divided between the threads.
template <class T>
void merge(MatrixView<T> into, MatrixView<const T> from, const Threads& threads);
template <class T>
void rescale(MatrixView<T> rows, std::span<const T> maxima, const Threads& threads);
// Numbers added: a merge of states that refer to the same maxima, but for the column m.
template <class T>
void add(MatrixView<T> into, MatrixView<const T> from, const Threads& threads);
template <class T>
void normalise(MatrixView<const T> rows, MatrixView<T> out, const Threads& threads);

// What a kernel rounds beyond its accumulator, relative to the number that is rounded.
struct Roundings {
  double factors = 0;  // of scores and weighted values, before they are multiplied
  double weights = 0;  // beyond weight_roundoff() of the precision
  double least_weight =
      0;  // beside a largest one of 1, below which weights round absolutely; where over least_weight()
};

// One way of computing the partial state of a shard of numbers of type T. `compute` overwrites `out`, the rows of a
// Partial: queries.rows x heads rows of value_dim + 2 numbers.
template <class T>
struct Kernel {
  std::string_view name;
  bool tiled;  // heeds TileSizes
  void (*compute)(const AttentionInput<T>& input, MatrixView<Accumulator<T>> out, const Threads& threads);
  // Scratch bytes that `compute` takes beyond input and output.
  std::int64_t (*scratch_bytes)(const HeadShape& shape, int threads);
  bool on_device = false;  // runs on the device of this rank (kernels/cuda/cuda.hpp), which has to be chosen first
  Roundings roundings = {};
};

// All kernels of this build for numbers of type T, `reference` first.
template <class T>
std::span<const Kernel<T>> kernels();

// The kernel of that name. Throws Error(usage) that lists the names there are.
template <class T>
const Kernel<T>& kernel_by_name(std::string_view name);

// What kernels of that name round, of numbers stored as T and of those that models make of them: the larger.
template <class T>
Roundings roundings_of(std::string_view kernel);

}  // namespace knowscale

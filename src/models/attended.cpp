// SPDX-License-Identifier: BSD-3-Clause
#include "models/attended.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/engine.hpp"
#include "kernels/threads.hpp"
#include "kernels/top_keys.hpp"
#include "models/projection.hpp"
#include "models/tokens.hpp"
#include "problem/weights.hpp"

namespace knowscale {
namespace {

// The shard's part: of the rows of queries that are given, keys counted in the whole set. Found where the case's kernel
// runs.
template <class N>
TopKeys shard_part(MatrixView<const N> queries, MatrixView<const N> keys, const Case& c, std::int64_t first_key,
                   std::int64_t count, const Threads& threads) {
  const AttentionInput<N> input = {queries, keys, keys, c.head_shape(), c.scale};
  TopKeys part = engine_of(c).top_keys(input, count, threads);
  shift_keys(part, first_key);
  return part;
}

// What all shards know, on the root.
TopKeys merged_on_root(const TopKeys& own, const Communicator& comm) {
  std::vector<std::int64_t> keys;
  std::vector<double> scores;
  for (const TopKey& top : own.keys) {
    keys.push_back(top.key);
    scores.push_back(top.score);
  }
  const auto all_keys = comm.gather(std::span<const std::int64_t>(keys));
  const auto all_scores = comm.gather(std::span<const double>(scores));
  const auto all_lse = comm.gather(std::span<const double>(own.lse));
  TopKeys merged = own;
  for (std::size_t r = 1; comm.is_root() && r < static_cast<std::size_t>(comm.size()); ++r) {
    TopKeys other = own;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      other.keys[i] = {all_keys[r * keys.size() + i], all_scores[r * keys.size() + i]};
    }
    std::copy_n(all_lse.begin() + static_cast<std::ptrdiff_t>(r * own.lse.size()), own.lse.size(), other.lse.begin());
    merge(merged, other);
  }
  return merged;
}

// log of the sum of exponentials over the tokens that a token sees, for every token and head.
template <class T>
std::vector<double> token_lse(const Case& c, MatrixView<const T> tokens, std::int64_t count, const Threads& threads) {
  Case whole = c;  // one rank's keys are all tokens
  whole.ranks = 1;
  TokenKeys<T> keys(whole, 0, tokens);
  keys.update(threads);
  const HeadShape shape = c.head_shape();
  const std::vector<RowRange> sequences = c.sequences();
  std::vector<double> lse(static_cast<std::size_t>(count * shape.heads));
  threads.parallel_for(count * shape.heads, [&](std::int64_t i) {
    const std::int64_t token = i / shape.heads, head = i % shape.heads;
    const RowRange sequence = *std::find_if(sequences.begin(), sequences.end(), [&](const RowRange& range) {
      return range.begin <= token && token < range.end;
    });
    std::vector<double> scores;
    for (std::int64_t j = sequence.begin; j < (c.causal ? token + 1 : sequence.end); ++j) {
      double sum = 0;
      for (std::int64_t col = 0; col < shape.key_dim; ++col) {
        sum += static_cast<double>(tokens(token, head * shape.key_dim + col)) *
               static_cast<double>(keys.rows()(j, shape.kv_head_of(head) * shape.key_dim + col));
      }
      scores.push_back(c.scale * sum);
    }
    const double highest = *std::max_element(scores.begin(), scores.end());
    double total = 0;
    for (const double score : scores) total += std::exp(score - highest);
    lse[static_cast<std::size_t>(i)] = highest + std::log(total);
  });
  return lse;
}

}  // namespace

template <class T>
std::vector<Attended> most_attended(const Problem<T>& problem, const Structure& structure, std::int64_t count,
                                    std::int64_t tokens) {
  using A = Accumulator<T>;
  const Case& c = problem.c;
  Tokens<T> all(problem, true);
  all.gather();
  const MatrixView<const T> queries = all.rows().slice_rows({0, tokens});
  const RowRange shard = shard_range(c.m, problem.comm.size(), c.shard_granule(), problem.comm.rank());
  const MatrixView<const T> keys = problem.knowledge.keys.view();
  TopKeys top;
  if (structure.projected) {
    const auto weights = make_projection_weights<A>(c.seed, c.d, c.kv_heads * c.head_dim());
    Matrix<A> mapped_queries(tokens, c.d), mapped_keys(keys.rows, c.kv_heads * c.head_dim());
    project<T, A>(queries, weights.query.view(), mapped_queries.view(), {0, tokens}, projected_rows(c),
                  problem.threads);
    project<T, A>(keys, weights.key.view(), mapped_keys.view(), {0, keys.rows}, projected_rows(c), problem.threads);
    top = shard_part<A>(mapped_queries.view(), mapped_keys.view(), c, shard.begin, count, problem.threads);
  } else {
    top = shard_part<T>(queries, keys, c, shard.begin, count, problem.threads);
  }
  top = merged_on_root(top, problem.comm);
  if (!problem.comm.is_root()) return {};

  const bool one_softmax = structure.softmaxes[0].sequence && structure.softmaxes[0].knowledge;
  if (one_softmax) {
    const std::vector<double> more = token_lse<T>(c, all.rows(), tokens, problem.threads);
    for (std::size_t i = 0; i < more.size(); ++i) top.lse[i] = log_add(top.lse[i], more[i]);
  }
  std::vector<Attended> attended;
  for (std::int64_t row = 0; row < tokens * c.heads; ++row) {
    for (std::int64_t place = 0; place < count; ++place) {
      const TopKey& found = top.keys[static_cast<std::size_t>(row * count + place)];
      if (found.key < 0) break;
      attended.push_back({row / c.heads, row % c.heads, place + 1, found.key,
                          std::exp(found.score - top.lse[static_cast<std::size_t>(row)])});
    }
  }
  return attended;
}

template std::vector<Attended> most_attended(const Problem<float>&, const Structure&, std::int64_t, std::int64_t);
template std::vector<Attended> most_attended(const Problem<double>&, const Structure&, std::int64_t, std::int64_t);
template std::vector<Attended> most_attended(const Problem<Bf16>&, const Structure&, std::int64_t, std::int64_t);
template std::vector<Attended> most_attended(const Problem<F16>&, const Structure&, std::int64_t, std::int64_t);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// A case: one measurement, as a plain value. Everything that decides its result is in here.
#pragma once

#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "comm/reduction_options.hpp"
#include "core/partition.hpp"
#include "core/precision.hpp"
#include "kernels/attention.hpp"

namespace knowscale {

enum class Scaling { strong, weak };

constexpr std::string_view name_of(Scaling scaling) { return scaling == Scaling::strong ? "strong" : "weak"; }

// How long the sequences of a batch are: all n tokens; 1 to n, drawn from the seed; or as the sentences of a
// knowledge-set file, cut after n.
enum class Lengths { equal, random, sentences };

constexpr std::string_view name_of(Lengths lengths) {
  return lengths == Lengths::equal ? "equal" : lengths == Lengths::random ? "random" : "sentences";
}

// What a model does not use is kUnused (strings) or 0 (numbers), so that it does not multiply cases.
inline constexpr std::string_view kUnused = "-";

struct Case {
  std::int64_t number = 0;  // from 1, in campaign order
  std::string study;
  std::string tag{"-"};                // free text of the campaign's
  std::string knowledge = "gaussian";  // a generator's name or the path of a knowledge-set file
  bool separate_values = true;         // the set has values beside its keys, resolved
  std::string model;
  std::string kernel = "simd";
  std::string reduction = "packed";
  Precision precision = Precision::f32;
  bool exact = false;      // with knowledge in int8: keys that matter are read in f32, for the result of f32
  std::int64_t n = 512;    // tokens of a sequence at most
  std::int64_t m = 65536;  // knowledge vectors of the whole set
  std::int64_t d = 64;     // width of a query
  std::int64_t heads = 1;
  std::int64_t kv_heads = 1;
  std::int64_t hidden = 0;  // H of an LSTM
  double scale = 0;         // b, resolved: 1 / sqrt(d / heads) unless the campaign says otherwise
  std::int64_t batch = 1;   // sequences
  Lengths lengths = Lengths::equal;
  std::vector<std::int64_t> unequal;           // tokens of each sequence where lengths are not equal, resolved
  bool causal = false;                         // tokens do not see those behind them
  bool attends_to_tokens = false;              // the model has a softmax over tokens, to which causal applies
  Placement sequence = Placement::replicated;  // or sharded: where the tokens lie
  bool projected = false;                      // the model projects the knowledge, whose vectors have width d
  TileSizes tiles;                             // as forced by the campaign
  bool on_device = false;                      // the kernel computes on the device of each rank, resolved
  ReductionOptions options{.chunk = 0};        // chunk: 0 but for `reproducible`
  int ranks = 1;
  int threads = 1;  // a rank, resolved
  Scaling scaling = Scaling::strong;
  std::uint64_t seed = 1;
  std::int64_t top_k = 0;  // most attended vectors to record, a token and head
  bool symmetry = false;   // whether its symmetries are checked too

  // Of the keys that the model reads; of those that stand for both, or of no knowledge, there are none.
  bool has_separate_values() const { return m > 0 && separate_values; }
  // Whether the knowledge is bytes alone.
  bool keeps_bytes() const { return in_bytes(precision) && !exact; }
  // A model without heads sees vectors of width d.
  std::int64_t head_dim() const { return heads == 0 ? d : d / heads; }
  // Shards end at multiples of so many knowledge vectors.
  std::int64_t shard_granule() const { return options.chunk == 0 ? 1 : options.chunk; }
  // Results shall have the same bits for every number of ranks and threads.
  bool fixed_bits() const { return options.chunk > 0; }
  std::int64_t knowledge_dim() const { return heads == 0 || projected ? d : kv_heads * head_dim(); }
  HeadShape head_shape() const { return {heads, kv_heads, head_dim(), head_dim()}; }

  // Of all sequences, which lie one behind the other.
  std::int64_t tokens() const {
    return unequal.empty() ? batch * n : std::accumulate(unequal.begin(), unequal.end(), std::int64_t{0});
  }
  // The tokens of each sequence.
  std::vector<RowRange> sequences() const {
    std::vector<RowRange> all;
    for (std::int64_t b = 0, begin = 0; b < batch; ++b) {
      all.push_back({begin, begin + (unequal.empty() ? n : unequal[static_cast<std::size_t>(b)])});
      begin = all.back().end;
    }
    return all;
  }
  // The tokens that are keys of rank `rank` where a sequence attends to itself; where the sequence is sharded, those
  // that the rank holds at all.
  RowRange token_shard(int rank) const { return shard_range(tokens(), ranks, shard_granule(), rank); }
};

}  // namespace knowscale

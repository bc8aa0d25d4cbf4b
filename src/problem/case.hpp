// SPDX-License-Identifier: BSD-3-Clause
// A case: one measurement, as a plain value. Everything that decides its result is in here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "comm/reduction_options.hpp"
#include "core/precision.hpp"
#include "kernels/attention.hpp"

namespace knowscale {

enum class Scaling { strong, weak };

constexpr std::string_view name_of(Scaling scaling) { return scaling == Scaling::strong ? "strong" : "weak"; }

// What a model does not use is kUnused (strings) or 0 (numbers), so that it does not multiply cases.
inline constexpr std::string_view kUnused = "-";

struct Case {
  std::int64_t number = 0;  // from 1, in campaign order
  std::string study;
  std::string knowledge = "gaussian";  // a generator's name or the path of a knowledge-set file
  std::string model;
  std::string kernel = "simd";
  std::string reduction = "packed";
  Precision precision = Precision::f32;
  std::int64_t n = 512;    // queries a sequence
  std::int64_t m = 65536;  // knowledge vectors of the whole set
  std::int64_t d = 64;     // width of a query
  std::int64_t heads = 1;
  std::int64_t kv_heads = 1;
  std::int64_t hidden = 0;               // H of an LSTM
  double scale = 0;                      // b, resolved: 1 / sqrt(d / heads) unless the campaign says otherwise
  std::int64_t batch = 1;                // sequences
  TileSizes tiles;                       // as forced by the campaign
  ReductionOptions options{.chunk = 0};  // chunk: 0 but for `reproducible`
  int ranks = 1;
  int threads = 1;  // a rank, resolved
  Scaling scaling = Scaling::strong;
  std::uint64_t seed = 1;

  // A model without heads sees vectors of width d.
  std::int64_t head_dim() const { return heads == 0 ? d : d / heads; }
  // Shards end at multiples of so many knowledge vectors.
  std::int64_t shard_granule() const { return options.chunk == 0 ? 1 : options.chunk; }
  std::int64_t knowledge_dim() const { return heads == 0 ? d : kv_heads * head_dim(); }
  HeadShape head_shape() const { return {heads, kv_heads, head_dim(), head_dim()}; }
};

}  // namespace knowscale

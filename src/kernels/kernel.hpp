// SPDX-License-Identifier: BSD-3-Clause
// The table of kernels: ways of computing the partial state of a shard.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/by_precision.hpp"
#include "kernels/attention.hpp"

namespace knowscale {

struct Engine;
const Engine& host_engine();

// Overwrites `out`, the rows of a Partial: queries.rows x heads rows of value_dim + 2 numbers. Returns the seconds of
// copies between host and device, 0 on the host.
template <class T>
using ComputeState = double(const AttentionInput<T>& input, MatrixView<Accumulator<T>> out, const Threads& threads);

// How a state comes about: plain loops, all in one pass, or two products of a library with a softmax between.
enum class Method { plain, fused, products, products_tf32 };

// What a kernel rounds beyond its accumulator, relative to the number that is rounded.
struct Roundings {
  double factors = 0;  // of scores and weighted values, before they are multiplied
  double weights = 0;  // beyond weight_roundoff() of the precision
  // Beside a largest one of 1, weights below this round absolutely; where over least_weight().
  double least_weight = 0;
};

// Products of numbers of these formats cannot be faster than this measured rate (study/ceilings.hpp), of whose products
// one of the kernel's may take several.
struct RateLimit {
  std::string_view rate;
  double products = 1;
};

struct Kernel {
  std::string_view name;
  Method method = Method::plain;
  bool tiled = false;  // heeds TileSizes
  ByPrecision<ComputeState> compute = {};
  // Scratch bytes of the host that `compute` takes beyond input and output.
  std::int64_t (*scratch_bytes)(Precision precision, const HeadShape& shape, int threads) = nullptr;
  // The highest holds, of numbers that are multiplied as they are stored.
  std::span<const RateLimit> (*limits)(Precision precision) = nullptr;
  std::array<Roundings, kPrecisions.size()> roundings = {};  // of each precision
  std::int64_t widest_head = 0;                              // columns that a head may have; 0: any number
  const Engine& (*engine)() = host_engine;                   // where it runs (kernels/engine.hpp)
  bool reads_bytes = false;                                  // keys and values in 8 bits, beside queries of f32
  bool screens = false;                                      // keys of few queries by their bytes, where it has them

  // On that of this rank, which has to be chosen first.
  bool on_device() const;
  // With knowledge of that precision.
  bool computes(Precision precision) const {
    return compute.has(unscaled(precision)) && (reads_bytes || !in_bytes(precision));
  }
};

// All kernels of this build on this machine: of every engine that has what it runs on, `reference` first.
std::span<const Kernel> kernels();

// Those that compute with knowledge of that precision.
std::vector<Kernel> kernels_of(Precision precision);

// The kernel of that name. Throws Error(usage) that lists the names there are.
const Kernel& kernel_by_name(std::string_view name);

// What kernels of that name round, of numbers stored so and of those that models make of them: the larger.
Roundings roundings_of(std::string_view kernel, Precision precision);

}  // namespace knowscale

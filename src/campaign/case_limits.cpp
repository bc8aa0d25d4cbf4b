// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/case_limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <numbers>

#include "core/error.hpp"
#include "core/text.hpp"

namespace knowscale {
namespace {

constexpr std::int64_t kMostScores = std::int64_t{1} << 28;  // that a thread holds at a time: 2 GiB in f64

[[noreturn]] void refuse(const std::string& study, const std::string& message) {
  throw Error(ExitStatus::usage, fmt::format("study \"{}\": {}", one_line(study), message));
}

void require_products(const Case& c, const char* what, std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (const std::int64_t factor : factors) product = require_product(c.study, what, product, factor);
}

void require_tiles_fit(const Case& c, std::int64_t rows) {
  const std::int64_t queries = std::min(c.tiles.queries, rows),
                     keys = std::min(c.tiles.keys, std::max(c.m, c.tokens()));
  if (queries * keys <= kMostScores) return;  // both are at most kBlockRows
  refuse(c.study, fmt::format("query_block = {} and key_block = {} are {} scores of a thread at a time: use at most {}",
                              c.tiles.queries, c.tiles.keys, queries * keys, kMostScores));
}

// Normal numbers of an accumulator: a subnormal one has lost digits.
template <class Accumulator>
void require_held(const Case& c, const char* accumulator, const char* remedy) {
  constexpr double least = std::numeric_limits<Accumulator>::min(), most = std::numeric_limits<Accumulator>::max();
  if (c.scale >= least && c.scale * std::numbers::log2e <= most) return;
  refuse(c.study, fmt::format("scale = {:.6g}: {} computes with {}, which holds scale x log2 e from {:.3g} to {:.3g}: "
                              "use {}",
                              c.scale, name_of(c.precision), accumulator, least, most, remedy));
}

}  // namespace

std::int64_t require_product(const std::string& study, const char* what, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result))
    refuse(study, fmt::format("{} = {} x {} overflows 64 bits: use smaller numbers", what, a, b));
  return result;
}

void require_countable(const Case& c) {
  require_products(c, "bytes of the knowledge, m x d x 16", {c.m, c.d, 16});
  require_products(c, "bytes of the queries, n x batch x d x 16", {c.n, c.batch, c.d, 16});
  const std::int64_t tokens = c.tokens(), heads = std::max<std::int64_t>(c.heads, 1);
  require_products(c, "bytes of states, n x batch x (d + 2 heads) x 16", {tokens, c.d + 2 * heads, 16});
  require_products(c, "bytes of weights, d x d x 64", {c.d, c.d, 64});
  require_products(c, "weights, hidden x hidden x 64", {c.hidden, c.hidden, 64});
  require_products(c, "bytes of an LSTM's gates, n x batch x hidden x 64", {tokens, c.hidden, 64});
  require_products(c, "bytes of the projected knowledge, m x hidden x 64", {c.m, c.hidden, 64});
  require_products(c, "the most attended, n x batch x heads x top_k x 32", {tokens, heads, c.top_k, 32});
  require_tiles_fit(c, require_product(c.study, "rows of queries, n x batch x heads", tokens, heads));
}

void require_scale_fits(const Case& c) {
  if (c.scale == 0) return;  // there is no softmax
  if (c.precision == Precision::f64) return require_held<double>(c, "f64", "another scale");
  require_held<float>(c, "f32", "another scale, or f64");
}

}  // namespace knowscale

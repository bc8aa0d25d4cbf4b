// SPDX-License-Identifier: BSD-3-Clause
// The algebra of top keys: identity, shift, merge.
#include "kernels/top_keys.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.hpp"

namespace knowscale {

constexpr double kNoKeys = -std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
  if (a == kNoKeys) return b;
  if (b == kNoKeys) return a;
  return (a > b ? a : b) + std::log1p(std::exp(-std::abs(a - b)));
}

TopKeys::TopKeys(std::int64_t rows, std::int64_t kept)
    : count(kept), keys(static_cast<std::size_t>(rows * kept)), lse(static_cast<std::size_t>(rows), kNoKeys) {}

void shift_keys(TopKeys& top, std::int64_t first) {
  for (TopKey& key : top.keys) {
    if (key.key >= 0) key.key += first;
  }
}

void merge(TopKeys& into, const TopKeys& from, RowRange rows) {
  require(into.count == from.count && into.rows() == from.rows(), ExitStatus::usage,
          "top keys of " + std::to_string(from.rows()) + " rows of " + std::to_string(from.count) +
              " cannot be merged into " + std::to_string(into.rows()) + " of " + std::to_string(into.count) +
              ": ask all shards for the same queries and count");
  std::vector<TopKey> mine(static_cast<std::size_t>(into.count));
  for (std::int64_t i = rows.begin; i < rows.end; ++i) {
    std::copy_n(into.row(i), into.count, mine.data());
    const TopKey *a = mine.data(), *b = from.row(i);
    // Neither runs out: together they give as many keys as each has.
    std::generate_n(into.row(i), into.count, [&] { return ranks_before(*b, *a) ? *b++ : *a++; });
    double& lse = into.lse[static_cast<std::size_t>(i)];
    lse = log_add(lse, from.lse[static_cast<std::size_t>(i)]);
  }
}

void merge(TopKeys& into, const TopKeys& from) { merge(into, from, {0, into.rows()}); }

}  // namespace knowscale

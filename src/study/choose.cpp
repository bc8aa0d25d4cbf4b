// SPDX-License-Identifier: BSD-3-Clause
#include "study/choose.hpp"

#include <algorithm>
#include <limits>

#include "campaign/expand.hpp"

namespace knowscale {
namespace {

// Below this many queries per tile, kernels lose more than overlap gains.
constexpr std::int64_t kLeastTile = 128;
// More tiles must promise at least so much.
constexpr double kWorthwhile = 0.99;

// Formulas do not depend on the precision but through the shape.

double exchange_seconds(const Case& c, const Reduction* reduction, const ExchangeRates& rates) {
  Case placed = c;
  if (reduction != nullptr) placed.options.placement = reduction->placement(placed.options.placement);
  return predicted_seconds(exchange_of(placed, model_by_name(c.model).structure, reduction), rates);
}

// The queries per tile for which compute, what exchange it does not hide, and the last tile's exchange end first: with
// k tiles, C(k) + (k - 1) max(e - c, (1 - s) e) + e, where c = C(k) / k, e = E(k) / k, s is the share of exchange that
// this machine can hide at all, and each tile reads the shard again.
std::int64_t best_tile(const Case& c, const Reduction& reduction, const Cost& cost, const Ceilings& ceilings) {
  const ExchangeRates rates = ceilings.exchange_rates(c);
  const std::int64_t queries = c.tokens();
  std::int64_t best = queries;
  double shortest = std::numeric_limits<double>::infinity();
  for (std::int64_t tiles = 1; tiles == 1 || queries / tiles >= kLeastTile; tiles *= 2) {
    Case tiled = c;
    tiled.options.query_tile = (queries + tiles - 1) / tiles;
    const double count = static_cast<double>(tiles), all = exchange_seconds(tiled, &reduction, rates);
    const double compute = ceilings.compute_seconds(c, cost, count);
    const double seconds =
        compute + (count - 1) / count * std::max(all - compute, (1 - rates.overlap) * all) + all / count;
    if (seconds >= kWorthwhile * shortest) continue;
    shortest = seconds;
    best = tiled.options.query_tile;
  }
  return best;
}

const Reduction& best_reduction(const Case& c, const ExchangeRates& rates) {
  const Reduction* best = nullptr;
  double shortest = std::numeric_limits<double>::infinity();
  for (const Reduction& reduction : reductions()) {
    Case with = c;
    use_reduction(with, reduction, c.options);
    const double seconds = exchange_seconds(with, &reduction, rates);
    if (seconds >= shortest) continue;
    shortest = seconds;
    best = &reduction;
  }
  return *best;
}

}  // namespace

Choice choose(const Case& c, const Ceilings& ceilings) {
  Choice choice = {c, 0};
  const Structure& structure = model_by_name(c.model).structure;
  if (structure.recurrent) return choice;
  Case& chosen = choice.c;
  const ExchangeRates rates = ceilings.exchange_rates(c);
  if (!structure.attends()) {
    choice.exchange_seconds = exchange_seconds(c, nullptr, rates);
    return choice;
  }
  const Reduction& reduction = c.reduction == kAutomatic ? best_reduction(c, rates) : reduction_by_name(c.reduction);
  use_reduction(chosen, reduction, c.options);
  if (chosen.options.overlap && reduction.heeds.tiled && chosen.options.query_tile == 0) {
    const Cost cost = cost_of(chosen, structure, backend_of(chosen));
    chosen.options.query_tile = best_tile(chosen, reduction, cost, ceilings);
  }
  choice.exchange_seconds = exchange_seconds(chosen, &reduction, rates);
  return choice;
}

}  // namespace knowscale

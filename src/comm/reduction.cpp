// SPDX-License-Identifier: BSD-3-Clause
// The table of reductions: a new one is a line here.
#include "comm/reduction.hpp"

#include <array>

#include "comm/reductions/all_to_all.hpp"
#include "comm/reductions/hierarchical.hpp"
#include "comm/reductions/packed.hpp"
#include "comm/reductions/reduce_scatter.hpp"
#include "comm/reductions/reproducible.hpp"
#include "comm/reductions/ring.hpp"
#include "comm/reductions/ring_q.hpp"
#include "comm/reductions/tree.hpp"
#include "comm/reductions/two_phase.hpp"
#include "core/named.hpp"

namespace knowscale {

std::span<const Reduction> reductions() {
  constexpr Placement replicated = Placement::replicated, sharded = Placement::sharded;
  static const std::array<Reduction, 9> table = {{
      {"packed", replicated, packed::prepare, packed::cost},
      {"two_phase", replicated, two_phase::prepare, two_phase::cost, {.on_device = true}},
      {"reduce_scatter", sharded, reduce_scatter::prepare, reduce_scatter::cost, {.on_device = true}},
      {"all_to_all", sharded, all_to_all::prepare, all_to_all::cost},
      {"tree", replicated, tree::prepare, tree::cost},
      {"hierarchical", replicated, hierarchical::prepare, hierarchical::cost, {.by_node = true}},
      {"ring", sharded, ring::prepare, ring::cost, {.tiled = false}, true},
      {"ring_q", sharded, ring_q::prepare, ring_q::cost, {.tiled = false}, true},
      {"reproducible", replicated, reproducible::prepare, reproducible::cost, {.chunked = true}},
  }};
  return table;
}

const Reduction& reduction_by_name(std::string_view name) { return entry_by_name(reductions(), "reduction", name); }

ReductionCost cost_of(const Reduction& reduction, const ReductionShape& shape) {
  ReductionCost cost = reduction.cost(shape);
  if (shape.ranks > 1 && reduction.natural == Placement::sharded && shape.options.placement == Placement::replicated) {
    // An allgather of the output.
    const Traffic gather = allgather_traffic(static_cast<double>(shape.queries) * shape.output_bytes(), shape.ranks);
    cost.sent += gather;
    cost.rounds += gather.messages;
    cost.round_bytes += gather.bytes;
  }
  return cost;
}

std::vector<RowRange> shard_ranges(std::int64_t m, int ranks, std::int64_t granule) {
  std::vector<RowRange> ranges;
  for (int r = 0; r < ranks; ++r) ranges.push_back(shard_range(m, ranks, granule, r));
  return ranges;
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "comm/reduction_cost.hpp"

#include <algorithm>
#include <bit>

namespace knowscale {

ReductionCost& ReductionCost::operator+=(const ReductionCost& other) {
  sent += other.sent;
  allreduces += other.allreduces;
  allreduce_bytes += other.allreduce_bytes;
  rounds += other.rounds;
  round_bytes += other.round_bytes;
  merged_bytes += other.merged_bytes;
  buffers = std::max(buffers, other.buffers);
  return *this;
}

double tree_depth(int ranks) { return std::bit_width(static_cast<unsigned>(ranks - 1)); }

Traffic allreduce_traffic(double bytes, int ranks) {
  if (ranks == 1) return {};
  constexpr double small = 10e3;
  const double steps = tree_depth(ranks), others = ranks - 1;
  if (bytes < small) return {steps, steps * bytes};
  return {2 * others, 2 * others / ranks * bytes};
}

Traffic allgather_traffic(double bytes, int ranks) {
  const double others = ranks - 1;
  return {others, others / ranks * bytes};
}

Traffic broadcast_traffic(double bytes, int ranks) {
  const double messages = tree_depth(ranks);
  return {messages, messages * bytes};
}

Traffic shared_out_traffic(std::int64_t queries, double bytes_each, int ranks) {
  return {static_cast<double>(ranks - 1), static_cast<double>(queries - queries / ranks) * bytes_each};
}

std::int64_t QueryTile::queries() const {
  std::int64_t count = 0;
  for (const RowRange& piece : pieces) count += piece.size();
  return count;
}

bool QueryTile::contiguous() const {
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    if (pieces[i].begin != pieces[i - 1].end) return false;
  }
  return true;
}

std::vector<RowRange> QueryTile::rows_of_ranks(std::int64_t heads) const {
  std::vector<RowRange> rows;
  std::int64_t begin = 0;
  for (const RowRange& piece : pieces) {
    rows.push_back({begin, begin + piece.size() * heads});
    begin = rows.back().end;
  }
  return rows;
}

std::vector<QueryTile> query_tiles(const ReductionShape& shape, Placement natural, std::int64_t granule) {
  const std::int64_t n = shape.queries, asked = shape.options.query_tile == 0 ? n : shape.options.query_tile;
  const std::int64_t granules = (n + granule - 1) / granule,
                     granules_a_tile = std::max<std::int64_t>(asked / granule, 1);
  const std::int64_t count = std::max<std::int64_t>((granules + granules_a_tile - 1) / granules_a_tile, 1);
  std::vector<QueryTile> tiles(static_cast<std::size_t>(count));
  for (std::int64_t t = 0; t < count; ++t) {
    QueryTile& tile = tiles[static_cast<std::size_t>(t)];
    if (natural == Placement::replicated) {
      const RowRange range = row_range(granules, count, t);
      tile.pieces = {{std::min(range.begin * granule, n), std::min(range.end * granule, n)}};
      continue;
    }
    for (int r = 0; r < shape.ranks; ++r) {
      const RowRange own = row_range(n, shape.ranks, r), part = row_range(own.size(), count, t);
      tile.pieces.push_back({own.begin + part.begin, own.begin + part.end});
    }
  }
  return tiles;
}

ReductionCost sum_over_tiles(const ReductionShape& shape, Placement natural,
                             const std::function<ReductionCost(const ReductionShape& tile)>& cost,
                             std::int64_t granule) {
  ReductionCost sum;
  for (const QueryTile& tile : query_tiles(shape, natural, granule)) {
    ReductionShape of_tile = shape;
    of_tile.queries = tile.queries();
    sum += cost(of_tile);
  }
  return sum;
}

double predicted_seconds(const ReductionCost& cost, const ExchangeRates& rates) {
  const auto over = [](double amount, double rate) { return amount == 0 ? 0 : amount / rate; };
  return cost.allreduces * rates.allreduce_latency + over(cost.allreduce_bytes, rates.allreduce_bandwidth) +
         cost.rounds * rates.latency + over(cost.round_bytes, rates.bandwidth) +
         over(cost.merged_bytes, rates.merge_rate);
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// What a reduction sends, and how long that should take: the model that measurements are held against.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "comm/reduction_options.hpp"
#include "core/partition.hpp"
#include "kernels/attention.hpp"

namespace knowscale {

// Keys of one kind, of all ranks.
struct KeysShape {
  std::int64_t count = 0;
  bool separate_values = true;    // values travel beside keys
  std::int64_t number_bytes = 0;  // of a number of theirs, 0: as of queries
  std::int64_t head_bytes = 0;    // beside its numbers, of a head of a row
};

// What a reduction is asked to merge. Its state, n h (d_v + 2) numbers, has S bytes.
struct ReductionShape {
  int ranks = 1;
  std::int64_t queries = 0;
  std::vector<KeysShape> keys;  // sources under one softmax
  HeadShape heads;
  std::int64_t stored_bytes = 4;  // of a number of queries, and of keys and values
  std::int64_t state_bytes = 4;   // of a number of the state, w
  ReductionOptions options;

  double query_bytes() const { return static_cast<double>(heads.heads * heads.key_dim * stored_bytes); }
  double key_bytes(const KeysShape& of) const {  // with its value
    const std::int64_t numbers = heads.key_dim + (of.separate_values ? heads.value_dim : 0);
    const std::int64_t bytes = numbers * (of.number_bytes > 0 ? of.number_bytes : stored_bytes);
    return static_cast<double>(heads.kv_heads * (bytes + (of.separate_values ? 2 : 1) * of.head_bytes));
  }
  double row_bytes() const { return static_cast<double>(heads.heads * (heads.value_dim + 2) * state_bytes); }
  double maxima_bytes() const { return static_cast<double>(heads.heads * state_bytes); }  // of a query
  double output_bytes() const { return static_cast<double>(heads.heads * heads.value_dim * state_bytes); }
  double whole_state() const { return static_cast<double>(queries) * row_bytes(); }  // S
};

// Sent by the rank that sends most. A collective of the library is counted by its call: an allreduce of B bytes as
// allreduce_traffic(B, p), an allgather as p - 1 messages of 1 / p of its bytes, a broadcast as broadcast_traffic(B, p)
// of its root, others as a message to each other rank.
struct Traffic {
  double messages = 0;
  double bytes = 0;

  Traffic& operator+=(const Traffic& other) {
    messages += other.messages;
    bytes += other.bytes;
    return *this;
  }
};

// The reduction's cost beside its messages: its memory, and the longest chain of what must follow one another, in the
// terms of the ceilings.
struct ReductionCost {
  Traffic sent;
  double allreduces = 0,
         allreduce_bytes = 0;          // collectives of the library, by the bytes of an allreduce that takes as long
  double rounds = 0, round_bytes = 0;  // messages one after the other
  double buffers = 0;                  // bytes of a rank, for a tile; of the largest tile
  double merged_bytes = 0;             // of states that are merged, read twice and written once

  ReductionCost& operator+=(const ReductionCost& other);
};

// MPI_Allreduce of `bytes` bytes by the algorithms that MPI libraries use: recursive doubling (log2 p
// messages of all bytes) for small ones, reduce-scatter and allgather (2 (p - 1) / p of the bytes) for
// large ones (Thakur, Rabenseifner & Gropp 2005). The library chooses; 10 KB is Open MPI's border.
Traffic allreduce_traffic(double bytes, int ranks);

Traffic allgather_traffic(double bytes, int ranks);

// Of the root of a binomial tree: all bytes to ceil(log2 p) ranks.
Traffic broadcast_traffic(double bytes, int ranks);

// A reduce-scatter or all-to-all of queries that belong to the ranks in equal shares: all but the sender's own.
Traffic shared_out_traffic(std::int64_t queries, double bytes_each, int ranks);

// ceil(log2 ranks).
double tree_depth(int ranks);

// The queries that are computed, and whose states are exchanged, at once.
struct QueryTile {
  std::vector<RowRange> pieces;  // of the queries; one, or where results land sharded one for every rank

  std::int64_t queries() const;
  bool contiguous() const;
  // Rows of the tile's state (queries x heads) that each rank ends with; the pieces one after the other.
  std::vector<RowRange> rows_of_ranks(std::int64_t heads) const;
};

// Tiles of at most options.query_tile queries (of all ranks together), in multiples of `granule`; one of all queries
// where it is 0. Where results land sharded, a tile takes as many queries of every rank's share as of the others'.
std::vector<QueryTile> query_tiles(const ReductionShape& shape, Placement natural, std::int64_t granule = 1);

// The sum of cost(tile's shape) over these tiles.
ReductionCost sum_over_tiles(const ReductionShape& shape, Placement natural,
                             const std::function<ReductionCost(const ReductionShape& tile)>& cost,
                             std::int64_t granule = 1);

// The machine, as its ceilings were measured.
struct ExchangeRates {
  double allreduce_latency = 0;    // s
  double allreduce_bandwidth = 0;  // bytes/s, of the bytes of the state
  double latency = 0;              // s, of a message between neighbours while all ranks send
  double bandwidth = 0;            // bytes/s, likewise
  double merge_rate = 0;           // bytes of states merged a second, a rank
  double overlap = 0;              // share of an exchange that can be hidden behind compute
};

// Seconds from the end of compute to the merged state when nothing is hidden.
double predicted_seconds(const ReductionCost& cost, const ExchangeRates& rates);

}  // namespace knowscale

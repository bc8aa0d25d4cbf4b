// SPDX-License-Identifier: BSD-3-Clause
// The table of reductions: ways to exact attention over a set that is sharded over the ranks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/phases.hpp"
#include "comm/reduction_cost.hpp"
#include "comm/reduction_options.hpp"
#include "kernels/attend.hpp"

namespace knowscale {

// Keys of one kind that are sharded over the ranks.
template <class T>
struct ShardedKeys {
  KeySource<T> own;  // this rank's; its mask.first_key is the token that its first key is, if keys are tokens
  std::vector<RowRange> shards;  // keys of all that each rank holds, in order, any of them empty
};

// What a reduction is asked to do; views and references that outlive it. One softmax goes over all sources.
template <class T>
struct ShardedAttention {
  const Communicator& comm;
  const Threads& threads;
  const Kernel& kernel;
  AttentionInput<T> input;  // queries, the same on every rank unless the reduction asks for own_queries; no keys
  std::vector<ShardedKeys<T>> sources;
  ReductionOptions options;  // placement resolved, not natural

  std::vector<KeySource<T>> own_sources() const {
    std::vector<KeySource<T>> own;
    for (const ShardedKeys<T>& source : sources) own.push_back(source.own);
    return own;
  }
};

// Buffers, communicators and windows of one ShardedAttention, for any number of runs.
template <class T>
class PreparedAttention {
 public:
  virtual ~PreparedAttention() = default;
  // Computes softmax(scale Q K^T) V over all shards: writes row q, head h at output(q, h value_dim), for the queries
  // that result_rows() names; 0 where no key is visible. `output` has all queries' rows; others are undefined.
  // Collective, blocking.
  virtual Phases run(MatrixView<Accumulator<T>> output) = 0;
};

// Collective.
template <class T>
using PrepareAttention = std::unique_ptr<PreparedAttention<T>>(const ShardedAttention<T>& attention);

struct Reduction {
  std::string_view name;
  Placement natural = Placement::replicated;
  ByPrecision<PrepareAttention> prepare = {};
  ReductionCost (*cost)(const ReductionShape& shape) = nullptr;
  HeededOptions heeds = {};
  bool own_queries = false;  // reads this rank's queries alone: those of row_range(n, ranks, rank)

  // Where the result lies when `placement` is asked for.
  Placement placement(Placement asked) const { return asked == Placement::natural ? natural : asked; }
  // The rows of the output that rank `rank` holds after a run.
  RowRange result_rows(Placement asked, std::int64_t queries, int ranks, int rank) const {
    return placement(asked) == Placement::sharded ? row_range(queries, ranks, rank) : RowRange{0, queries};
  }
};

// All reductions of this build, in the order of their table in the README.
std::span<const Reduction> reductions();

// The reduction of that name. Throws Error(usage) that lists the names there are.
const Reduction& reduction_by_name(std::string_view name);

// What `reduction` costs for the shape, with the gather that its placement asks for.
ReductionCost cost_of(const Reduction& reduction, const ReductionShape& shape);

// Where every rank's keys lie in a set of m when shards end at multiples of `granule` keys (1: anywhere).
std::vector<RowRange> shard_ranges(std::int64_t m, int ranks, std::int64_t granule);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// How a reduction is to run, as a plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace knowscale {

enum class Placement {
  natural,     // as the reduction leaves it
  replicated,  // every rank holds all queries' results
  sharded      // rank r holds those of row_range(queries, p, r)
};

constexpr std::string_view name_of(Placement placement) {
  return placement == Placement::natural ? "natural" : placement == Placement::replicated ? "replicated" : "sharded";
}

// How states of kernels on devices reach other ranks.
enum class Transport {
  host,               // through pinned memory of the host
  cuda_aware,         // MPI reads device memory: where it says that it does
  cuda_aware_forced,  // the same whatever it says
  nccl                // NCCL, in a build with it
};

constexpr std::string_view name_of(Transport transport) {
  constexpr std::string_view names[] = {"host", "cuda_aware", "cuda_aware_forced", "nccl"};
  return names[static_cast<std::size_t>(transport)];
}

struct ReductionOptions {
  Placement placement = Placement::natural;  // of the result; another than its own costs a gather, or a slice
  bool overlap = false;         // exchange one tile of queries (or block of keys) beside computing the next
  std::int64_t query_tile = 0;  // queries per tile; 0: all
  std::int64_t chunk = 1024;    // keys a leaf of the tree of `reproducible`
  int node_size = 0;            // ranks that share memory in `hierarchical`; 0: those of a node
  Transport transport = Transport::host;
};

// Which options a reduction heeds beside its placement.
struct HeededOptions {
  bool tiled = true;       // query_tile
  bool chunked = false;    // chunk
  bool by_node = false;    // node_size
  bool on_device = false;  // transport: it can merge in device memory
};

// The options, 0 for what is not heeded.
constexpr ReductionOptions heeded(ReductionOptions options, HeededOptions heeds) {
  if (!heeds.tiled) options.query_tile = 0;
  if (!heeds.chunked) options.chunk = 0;
  if (!heeds.by_node) options.node_size = 0;
  if (!heeds.on_device) options.transport = Transport::host;
  return options;
}

}  // namespace knowscale

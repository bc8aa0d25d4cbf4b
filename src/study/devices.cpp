// SPDX-License-Identifier: BSD-3-Clause
#include "study/devices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/model.hpp"
#include "record/environment.hpp"

namespace knowscale {
namespace {

// How many ranks of this node chose the device at each bus, as the node's ranks see it.
int ranks_with(const Communicator& node, const std::string& bus) {
  std::vector<std::string> all = node.gather(bus);
  std::string joined;
  for (const std::string& one : all) joined += one + "\n";
  node.broadcast(joined);
  int count = 0;
  const std::string line = bus + "\n";
  for (std::size_t at = joined.find(line); at != std::string::npos; at = joined.find(line, at + 1)) ++count;
  return count;
}

// Bytes on the device of one rank: its shard, padded, and what kernels put beside it.
double bytes_on_device(const Case& c) {
  const Devices& devices = *engine_of(c).devices;
  const HeadShape shape = c.head_shape();
  const std::int64_t rows = (c.m + c.ranks - 1) / c.ranks, tokens = c.tokens();
  const double knowledge =
      2.0 * static_cast<double>(devices.kept_bytes(c.precision, rows, shape.kv_heads, shape.key_dim));
  const std::int64_t own_tokens = (tokens + c.ranks - 1) / c.ranks;
  const double keys =
      2.0 * static_cast<double>(devices.kept_bytes(c.precision, own_tokens, shape.kv_heads, shape.key_dim));
  const std::int64_t queries = c.options.query_tile > 0 ? std::min(c.options.query_tile, tokens) : tokens;
  return knowledge + keys +
         static_cast<double>(devices.scratch_bytes(kernel_by_name(c.kernel).method, c.precision, shape, queries, rows));
}

}  // namespace

bool runs_on_device(const Case& c) { return engine_of(c).devices != nullptr; }

DeviceOfRank choose_device(const Communicator& comm, std::int64_t ranks_per_device) {
  const Communicator node = comm.node();
  DeviceOfRank mine;
  comm.together([&] {
    const int visible = device_count();
    require(visible > 0, ExitStatus::resource,
            fmt::format("rank {} on {} sees no CUDA device: launch ranks on nodes with devices, or look at "
                        "CUDA_VISIBLE_DEVICES",
                        comm.rank(), host()));
    mine.device = engine_of_devices()->devices->use(node.rank() % visible);
  });
  mine.sharing = ranks_with(node, mine.device.bus);
  comm.together([&] {
    require(mine.sharing <= ranks_per_device, ExitStatus::resource,
            fmt::format("{} ranks on {} would share device {}: launch as many ranks per node as it has devices, or set "
                        "ranks_per_device = {}",
                        mine.sharing, host(), mine.label(), mine.sharing));
  });
  return mine;
}

void require_device_memory(const Communicator& comm, const Case& c, const DeviceOfRank& device) {
  comm.together([&] {
    const double needed = device.sharing * bytes_on_device(c);
    const auto available = static_cast<double>(engine_of(c).devices->free_bytes());
    constexpr double gib = 1 << 30;
    require(needed <= available, ExitStatus::resource,
            fmt::format("case {}: m = {}, d = {}, n = {} on {} ranks needs about {:.1f} GiB of device {}, which has "
                        "{:.1f} GiB free{}: use a smaller m, more ranks with devices, query_tile, or bf16",
                        c.number, c.m, c.d, c.n, c.ranks, needed / gib, device.label(), available / gib,
                        device.sharing > 1 ? fmt::format(" for {} ranks", device.sharing) : ""));
  });
}

}  // namespace knowscale

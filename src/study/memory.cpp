// SPDX-License-Identifier: BSD-3-Clause
#include "study/memory.hpp"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>

#include "study/cgroup.hpp"

namespace knowscale {
namespace {

// The bytes behind "name:" in a /proc file, where they are in KiB.
std::optional<std::int64_t> bytes_of_line(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    if (word != name + ":") continue;
    std::int64_t value = 0;
    file >> value;
    return value * 1024;
  }
  return std::nullopt;
}

}  // namespace

std::int64_t free_memory_bytes(const std::string& root) {
  const auto of_node = bytes_of_line(root + "/proc/meminfo", "MemAvailable");
  return std::min(of_node.value_or(std::numeric_limits<std::int64_t>::max()), memory_left_by_cgroups(root));
}

std::int64_t peak_memory_bytes() { return bytes_of_line("/proc/self/status", "VmHWM").value_or(0); }

void reset_peak_memory() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;
}

double estimated_rank_bytes(const Case& c, const Cost& cost) {
  const double queries = static_cast<double>(c.tokens()) * static_cast<double>(c.d);
  return cost.bytes_read + queries * static_cast<double>(bytes_of(unscaled(c.precision))) + cost.state_bytes;
}

void require_memory(const Communicator& comm, const Case& c, const Cost& cost) {
  const int ranks_here = comm.node().size();
  comm.together([&] {
    const double needed = estimated_rank_bytes(c, cost) * ranks_here;
    const std::int64_t available = free_memory_bytes();
    require(needed <= static_cast<double>(available), ExitStatus::resource,
            fmt::format(
                "case {}: m = {}, d = {}, n = {} on {} ranks needs about {:.1f} GiB on a node with {:.1f} GiB free: "
                "use a smaller m, more nodes, or f32",
                c.number, c.m, c.d, c.n, c.ranks, needed / (1 << 30), static_cast<double>(available) / (1 << 30)));
  });
}

}  // namespace knowscale

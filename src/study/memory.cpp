// SPDX-License-Identifier: BSD-3-Clause
#include "study/memory.hpp"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace knowscale {
namespace {

// The number of KiB behind "name:" in a /proc file; 0 where it is not there.
std::int64_t kibibytes(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    if (word != name + ":") continue;
    std::int64_t value = 0;
    file >> value;
    return value;
  }
  return 0;
}

// A number in a file of the control group; no limit where there is none ("max", or no such file).
std::int64_t cgroup_value(const char* path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  return file >> value ? value : std::numeric_limits<std::int64_t>::max();
}

}  // namespace

std::int64_t free_memory_bytes() {
  const std::int64_t available = kibibytes("/proc/meminfo", "MemAvailable") * 1024;
  const std::int64_t limit = cgroup_value("/sys/fs/cgroup/memory.max");
  if (limit == std::numeric_limits<std::int64_t>::max()) return available;
  return std::min(available, limit - std::min(limit, cgroup_value("/sys/fs/cgroup/memory.current")));
}

std::int64_t peak_memory_bytes() { return kibibytes("/proc/self/status", "VmHWM") * 1024; }

void reset_peak_memory() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;
}

double estimated_rank_bytes(const Case& c, const Cost& cost) {
  const double queries = static_cast<double>(c.tokens()) * static_cast<double>(c.d);
  return cost.bytes_read + queries * static_cast<double>(bytes_of(c.precision)) + cost.state_bytes;
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

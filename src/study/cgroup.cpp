// SPDX-License-Identifier: BSD-3-Clause
#include "study/cgroup.hpp"

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace knowscale {
namespace {

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

// Where a version keeps what; a limit that is not there, or says "max", is none.
struct Version {
  const char* usual_mount;
  std::initializer_list<const char*> limits;  // files
  const char* hierarchical_limit;             // a line of memory.stat: the least of the groups above, seen or not
  const char* used;                           // file
  std::initializer_list<const char*>
      reclaimable;  // lines of memory.stat. Not "file" or "cache": these hold shared memory
};

// Of v2 memory.high, too: above it the kernel takes pages away as fast as they are used, and nothing can be timed.
constexpr Version kVersion2 = {"/sys/fs/cgroup",
                               {"memory.max", "memory.high"},
                               "",
                               "memory.current",
                               {"inactive_file", "active_file", "slab_reclaimable"}};
constexpr Version kVersion1 = {"/sys/fs/cgroup/memory",
                               {"memory.limit_in_bytes"},
                               "hierarchical_memory_limit",
                               "memory.usage_in_bytes",
                               {"total_inactive_file", "total_active_file"}};

std::int64_t number_in(const std::string& path, std::int64_t otherwise) {
  std::ifstream file(path);
  std::int64_t value = 0;
  return file >> value ? value : otherwise;
}

// The sum of the lines "name number" with one of these names.
std::optional<std::int64_t> stat_value(const std::string& folder, std::initializer_list<const char*> names) {
  std::ifstream file(folder + "/memory.stat");
  std::optional<std::int64_t> sum;
  std::string name;
  for (std::int64_t value = 0; file >> name >> value;) {
    if (std::find(names.begin(), names.end(), name) != names.end()) sum = sum.value_or(0) + value;
  }
  return sum;
}

std::int64_t left_by(const std::string& folder, const Version& version) {
  std::int64_t limit = stat_value(folder, {version.hierarchical_limit}).value_or(kNoLimit);
  for (const char* file : version.limits) limit = std::min(limit, number_in(folder + "/" + file, kNoLimit));
  if (limit == kNoLimit) return kNoLimit;
  const std::int64_t used = number_in(folder + "/" + version.used, 0);
  const std::int64_t kept = used - std::min(used, stat_value(folder, version.reclaimable).value_or(0));
  return std::max<std::int64_t>(limit - kept, 0);
}

// A group of this process and where its hierarchy is mounted: what of the group's path is below `mount_root` is a
// folder below `mount`.
struct Hierarchy {
  const Version& version;
  std::string mount, mount_root;
};

// Spaces in the paths of mountinfo are \040, and so on.
std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// From lines such as "36 31 0:33 /jobs /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory"; and the
// usual places, which a container may hide from mountinfo.
std::vector<Hierarchy> hierarchies(const std::string& root) {
  std::vector<Hierarchy> found = {{kVersion2, kVersion2.usual_mount, "/"}, {kVersion1, kVersion1.usual_mount, "/"}};
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word, mount_root, mount, type, source, options;
    words >> word >> word >> word >> mount_root >> mount;
    while (words >> word && word != "-") {
    }
    words >> type >> source >> options;
    const bool of_memory = ("," + options + ",").find(",memory,") != std::string::npos;
    if (type != "cgroup2" && !(type == "cgroup" && of_memory)) continue;
    found.push_back({type == "cgroup2" ? kVersion2 : kVersion1, unescaped(mount), unescaped(mount_root)});
  }
  return found;
}

// This process's group in the hierarchy, from lines such as "0::/user.slice" (v2) or "4:cpu,memory:/jobs/7" (v1).
std::string group_of(const std::string& root, const Version& version) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = std::string(",").append(line, first + 1, second - first - 1) + ",";
    const bool unified = controllers == ",,", of_memory = controllers.find(",memory,") != std::string::npos;
    if (&version == &kVersion2 ? unified : of_memory) return line.substr(second + 1);
  }
  return "/";
}

// The part of the group's path below the mount; "" where the group is not there, as in some containers.
std::string below_mount(const std::string& group, const std::string& mount_root) {
  if (group.find("/..") != std::string::npos || group == "/") return "";
  if (mount_root == "/") return group;
  if (!group.starts_with(mount_root)) return "";
  const std::string rest = group.substr(mount_root.size());
  return rest.empty() || rest.front() == '/' ? rest : "";
}

}  // namespace

std::int64_t memory_left_by_cgroups(const std::string& root) {
  std::int64_t left = kNoLimit;
  for (const Hierarchy& hierarchy : hierarchies(root)) {
    const std::string group = group_of(root, hierarchy.version), mount = root + hierarchy.mount;
    std::string below = below_mount(group, hierarchy.mount_root);
    while (!below.empty()) {
      left = std::min(left, left_by(mount + below, hierarchy.version));
      below.resize(below.rfind('/'));
    }
    left = std::min(left, left_by(mount, hierarchy.version));
  }
  return left;
}

}  // namespace knowscale

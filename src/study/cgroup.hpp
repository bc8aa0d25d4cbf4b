// SPDX-License-Identifier: BSD-3-Clause
// What the control groups of this process leave it of the memory (Linux, Documentation/admin-guide/cgroup-v2.rst and
// cgroup-v1/memory.rst): of both versions, its own group and all above it that can be seen.
#pragma once

#include <cstdint>
#include <string>

namespace knowscale {

// Bytes until the first of their limits is reached; the largest number where there is none. Page cache and slabs that
// the kernel gives back when memory is asked for count as free. `root`: the folder that stands for /.
std::int64_t memory_left_by_cgroups(const std::string& root = "");

}  // namespace knowscale

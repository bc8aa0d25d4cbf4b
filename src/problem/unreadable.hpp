// SPDX-License-Identifier: BSD-3-Clause
// What a file is that HDF5 does not open: the files of the field by other names, and what mends those that are HDF5.
#pragma once

#include <string>

namespace knowscale {

// Throws Error(resource) with the system's words for a file that cannot be read, and for a folder, pipe or device,
// which would block or never end.
void require_regular_file(const std::string& path);

// What stands behind the path in the message, with the remedy.
std::string why_not_opened(const std::string& path);

}  // namespace knowscale

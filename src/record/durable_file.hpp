// SPDX-License-Identifier: BSD-3-Clause
// HDF5 files that are whole or not there: built in memory, then written by POSIX calls to a temporary file,
// fsynced and renamed. A full disk is an ordinary error, and never reaches HDF5.
#pragma once

#include <functional>
#include <string>

#include "problem/h5.hpp"

namespace knowscale {

// Calls fill(file) on an empty HDF5 file in memory, and makes it `path`, durably. Throws Error(resource) with path
// and system error; `path` is then as it was before.
void write_durable_file(const std::string& path, const std::function<void(hid_t file)>& fill);

// Makes what was created, renamed or removed in `folder` durable. Throws Error(resource).
void sync_folder(const std::string& folder);

// The file that `path` stands for: the end of a chain of symbolic links, whether it exists or not; `path` where it is
// no link. Throws Error(resource) for a chain without an end.
std::string behind_links(const std::string& path);

// The folder that holds `path` ("." where it names none).
std::string folder_of(const std::string& path);

}  // namespace knowscale

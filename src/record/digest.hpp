// SPDX-License-Identifier: BSD-3-Clause
// Digests by which files are known again.
#pragma once

#include <string>

namespace knowscale {

// Of all bytes of the file (XXH3, 128 bits, hexadecimal), read once from start to end. Throws Error(resource).
std::string file_digest(const std::string& path);

// Of the program that runs; empty where it cannot be read.
std::string program_digest();

}  // namespace knowscale

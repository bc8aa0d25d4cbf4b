// SPDX-License-Identifier: BSD-3-Clause
// What somebody else's file says that it stores, held against what this program reads: numbers, integers and texts.
#pragma once

#include <cstdint>
#include <string>

#include "problem/h5.hpp"

namespace knowscale::h5 {

enum class Content { numbers, integers, texts };

// What stands in a message for a type: "a compound", "an enumeration (h5py writes booleans so)", ...
std::string type_label(hid_t type);

// Why the type is not of that content; empty where it is. Numbers: integers of up to 8 bytes, floats of up to 16, of
// any byte order; texts: of fixed and of variable length.
std::string objection(hid_t type, Content wanted);

// In memory, for texts stored as `type`: of the same length, without its padding.
Id text_in_memory(hid_t type);

bool is_unsigned_64(hid_t type);

// Bytes of the file that `location` is in: what is stored cannot be larger.
std::uint64_t file_bytes(hid_t location);

}  // namespace knowscale::h5

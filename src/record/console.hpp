// SPDX-License-Identifier: BSD-3-Clause
// What a person or a script reads on stdout: the result table and the description of a file.
#pragma once

#include <string>

#include "record/table.hpp"

namespace knowscale {

// "1.23 ms": three digits and an SI prefix.
std::string with_prefix(double value, const std::string& unit);

// The /cases table as aligned text, one line per case: what varies between cases, median with its interval in
// readable units, FLOP/s, fraction of the bound, error against its bound, VALID or the reason.
std::string case_table(const Table& cases);

// What a result file or a knowledge-set file holds: attributes, tables or datasets with sizes, the case table.
// Throws Error(resource) for what is missing, truncated or neither of the two.
std::string describe_file(const std::string& path);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Numbers of knowledge-set files held against the precision that a case stores them in.
#pragma once

#include <cstdint>
#include <string>

#include "core/matrix.hpp"
#include "core/partition.hpp"

namespace knowscale {

// Throws Error(resource) for the first number that is NaN or Inf, with its row and column and what stands in the file:
// itself not finite, or beyond what T holds. `numbers`: rows of `dataset` from `first_row` on, as they were read.
template <class T>
void require_finite(MatrixView<const T> numbers, const std::string& path, const char* dataset, std::int64_t first_row);

// Reads these rows, their first `columns` columns, as a case of type T does, and holds them against the same. Serial,
// in little memory.
template <class T>
void check_numbers(const std::string& path, const char* dataset, RowRange rows, std::int64_t columns);

}  // namespace knowscale

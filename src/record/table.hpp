// SPDX-License-Identifier: BSD-3-Clause
// A long, tidy table as a plain value: named columns of equal length. A table is a group of the result
// file, a column one of its 1-D datasets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace knowscale {

using ColumnValues = std::variant<std::vector<std::int64_t>, std::vector<double>, std::vector<std::string>>;

// What a column tells of a case, for those who compare cases. A function of the data is computed by one method, whose
// states are exchanged in one way, on some ranks and threads: cases that differ in one of these alone can be compared.
enum class Role {
  none,      // found or derived: no part of what a case is
  problem,   // what is given: knowledge and sequences, and how many there are of what width
  model,     // what is computed of it: the function, its heads or hidden width, its number format
  method,    // how a rank does that
  exchange,  // how ranks bring it together
  place      // on how many ranks and threads, and where what is given lies
};

constexpr std::string_view name_of(Role role) {
  constexpr std::string_view names[] = {"", "problem", "model", "method", "exchange", "place"};
  return names[static_cast<std::size_t>(role)];
}

struct Column {
  std::string name;
  std::string units;  // SI without prefixes; "1" for pure numbers, "" for names
  std::string long_name;
  ColumnValues values;
  std::string role = {};  // name_of(Role), an attribute of its own; "" where none is recorded

  std::size_t size() const;
};

struct Table {
  std::string name;
  std::vector<Column> columns;

  std::size_t rows() const;                                  // 0 without columns
  const Column& column(std::string_view column_name) const;  // throws std::out_of_range
  // Its values, of a type that is one of ColumnValues; throws std::out_of_range also for a column of another.
  template <class T>
  const std::vector<T>& values(std::string_view column_name) const {
    const auto* found = std::get_if<std::vector<T>>(&column(column_name).values);
    if (found == nullptr)
      throw std::out_of_range("column " + std::string(column_name) + " of table " + name + " has another type");
    return *found;
  }
};

// Appends the rows of `from`, whose columns must be the same in name, order and type; a table without columns
// adds nothing, or takes those of `from`.
void append(Table& into, const Table& from);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "record/table.hpp"

#include <stdexcept>

namespace knowscale {

std::size_t Column::size() const {
  return std::visit([](const auto& numbers) { return numbers.size(); }, values);
}

std::size_t Table::rows() const { return columns.empty() ? 0 : columns.front().size(); }

const Column& Table::column(std::string_view column_name) const {
  for (const Column& candidate : columns) {
    if (candidate.name == column_name) return candidate;
  }
  throw std::out_of_range("table " + name + " has no column " + std::string(column_name));
}

void append(Table& into, const Table& from) {
  if (from.columns.empty()) return;
  if (into.columns.empty()) {
    into = from;
    return;
  }
  if (into.columns.size() != from.columns.size())
    throw std::invalid_argument("tables " + into.name + " differ in columns");
  for (std::size_t i = 0; i < into.columns.size(); ++i) {
    Column& to = into.columns[i];
    const Column& more = from.columns[i];
    if (to.name != more.name || to.values.index() != more.values.index()) {
      throw std::invalid_argument("tables " + into.name + " differ in column " + to.name);
    }
    std::visit(
        [&more](auto& values) {
          const auto& added = std::get<std::decay_t<decltype(values)>>(more.values);
          values.insert(values.end(), added.begin(), added.end());
        },
        to.values);
  }
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "record/console.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "core/text.hpp"

namespace knowscale {
namespace {

using Row = std::vector<std::string>;

std::string text_at(const Column& column, std::size_t row) {
  if (const auto* reals = std::get_if<std::vector<double>>(&column.values)) return fmt::format("{:.4g}", (*reals)[row]);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&column.values)) return printable((*texts)[row]);
  return fmt::format("{}", std::get<std::vector<std::int64_t>>(column.values)[row]);
}

double real_at(const Table& table, const char* name, std::size_t row) { return table.values<double>(name)[row]; }

// Whether the column tells rows apart: more than one value, not counting what a model does not use (0 or "-").
bool varies(const Column& column, const std::vector<std::size_t>& rows) {
  std::set<std::string> seen;
  for (const std::size_t row : rows) seen.insert(text_at(column, row));
  seen.erase("0");
  seen.erase("-");
  return seen.size() > 1;
}

// The columns that say which case a row is: those with a role; in files of before there were roles (schema 5), which
// had them first, all in front of what was found. Those that are the same in all rows of a study are named once, above.
std::vector<const Column*> identity(const Table& cases) {
  std::vector<const Column*> with_role, first;
  for (const Column& column : cases.columns) {
    if (!column.role.empty()) with_role.push_back(&column);
  }
  for (const Column& column : cases.columns) {
    if (column.name == "reduction_asked") break;
    if (column.name != "case") first.push_back(&column);
  }
  return with_role.empty() ? first : with_role;
}

std::string file_part(const std::string& text) {
  const std::size_t slash = text.rfind('/');
  return slash == std::string::npos ? text : text.substr(slash + 1);
}

// Aligned columns, numbers to the right.
std::string aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool number =
          i + 1 < row.size() && !row[i].empty() && (std::isdigit(static_cast<unsigned char>(row[i][0])) != 0);
      line += number ? fmt::format("{:>{}}", row[i], widths[i]) : fmt::format("{:<{}}", row[i], widths[i]);
      line += "  ";
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return out;
}

std::string share(double part, double whole) { return whole > 0 ? fmt::format("{:.1f} %", 100 * part / whole) : "-"; }

// What only some cases have.
struct Shown {
  bool copies = false, quantised = false, screened = false;
};

// What the columns of a result are called.
Row result_names(const Shown& shown) {
  Row names = {"median", "95 % interval", "rate", "of bound", "exchange"};
  if (shown.copies) names.emplace_back("copies");
  if (shown.screened) names.emplace_back("keys read");
  for (const char* name : {"error", "bound"}) names.emplace_back(name);
  if (shown.quantised) names.emplace_back("off f32");
  names.emplace_back("result");
  return names;
}

Row result_cells(const Table& cases, std::size_t row, const Shown& shown) {
  const double median = real_at(cases, "seconds_median", row);
  const bool valid = cases.values<std::int64_t>("valid")[row] == 1;
  Row cells = {
      with_prefix(median, "s"),
      fmt::format("{} - {}", with_prefix(real_at(cases, "seconds_low", row), "s"),
                  with_prefix(real_at(cases, "seconds_high", row), "s")),
      with_prefix(real_at(cases, "flops", row) / median, "FLOP/s"),
      fmt::format("{} {}", share(real_at(cases, "fraction_of_bound", row), 1), text_at(cases.column("bound"), row)),
      share(real_at(cases, "exchange", row), median)};
  if (shown.copies) cells.push_back(share(real_at(cases, "copy", row), median));
  const auto if_any = [&](const char* column, const auto& text) {
    const double value = real_at(cases, column, row);
    cells.push_back(std::isnan(value) ? "-" : text(value));
  };
  if (shown.screened) if_any("keys_read", [](double value) { return share(value, 1); });
  cells.push_back(fmt::format("{:.1e}", real_at(cases, "error", row)));
  cells.push_back(fmt::format("{:.1e}", real_at(cases, "error_bound", row)));
  if (shown.quantised) if_any("quantisation_error", [](double value) { return fmt::format("{:.1e}", value); });
  cells.push_back(valid ? "VALID" : "INVALID: " + text_at(cases.column("reason"), row));
  return cells;
}

// The cases of one study: what they share in a line, then a row each.
std::string study_table(const Table& cases, const std::vector<std::size_t>& members) {
  std::string shared;
  std::vector<const Column*> shown;
  for (const Column* column : identity(cases)) {
    if (varies(*column, members)) {
      shown.push_back(column);
      continue;
    }
    // The value of a model that uses it.
    std::string value = text_at(*column, members.front());
    for (const std::size_t row : members) {
      if (const std::string other = text_at(*column, row); value == "0" || value == "-") value = other;
    }
    if (value != "0" && value != "-")
      shared += fmt::format("{}{} = {}", shared.empty() ? "" : ", ", column->name, file_part(value));
  }
  std::vector<Row> rows(1, Row{"case"});
  for (const Column* column : shown) rows[0].push_back(column->name);
  const auto any = [&](const char* column) {
    return std::any_of(members.begin(), members.end(),
                       [&](std::size_t row) { return real_at(cases, column, row) > 0; });
  };
  const Shown what = {any("copy"), any("quantisation_error"), any("keys_read")};
  for (const std::string& name : result_names(what)) rows[0].push_back(name);
  for (const std::size_t i : members) {
    Row row = {text_at(cases.column("case"), i)};
    for (const Column* column : shown) row.push_back(text_at(*column, i) == "0" ? "-" : file_part(text_at(*column, i)));
    for (const std::string& cell : result_cells(cases, i, what)) row.push_back(cell);
    rows.push_back(row);
  }
  return shared + '\n' + aligned(rows);
}

}  // namespace

std::string with_prefix(double value, const std::string& unit) {
  constexpr std::array<const char*, 9> prefixes = {"n", "u", "m", "", "k", "M", "G", "T", "P"};
  if (!std::isfinite(value) || value == 0) return fmt::format("{} {}", value, unit);
  auto step = std::clamp(static_cast<int>(std::floor(std::log10(std::abs(value)) / 3)), -3, 5);
  if (step < 5 && std::abs(value) / std::pow(1000.0, step) >= 999.5) ++step;  // three digits round it up to 1000
  return fmt::format("{:.3g} {}{}", value / std::pow(1000.0, step), prefixes[static_cast<std::size_t>(step + 3)], unit);
}

std::string case_table(const Table& cases) {
  if (cases.rows() == 0) return "no finished case\n";
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < cases.rows(); ++i) {
    const std::string study = text_at(cases.column("study"), i);
    if (members[study].empty()) order.push_back(study);
    members[study].push_back(i);
  }
  std::string out;
  for (const std::string& study : order) out += study_table(cases, members[study]) + '\n';
  return out;
}

}  // namespace knowscale

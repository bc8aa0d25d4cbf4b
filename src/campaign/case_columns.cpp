// SPDX-License-Identifier: BSD-3-Clause
// What is said of a case, by its keys.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "campaign/keys.hpp"
#include "core/text.hpp"

namespace knowscale {
namespace {

ColumnValues column_of(const KeyValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::vector<std::int64_t>{*number};
  if (const auto* number = std::get_if<double>(&value)) return std::vector<double>{*number};
  return std::vector<std::string>{text_of(value)};
}

// Those that a label says in words of its own.
constexpr std::array<std::string_view, 9> kSaid = {"knowledge", "model", "kernel", "reduction", "precision",
                                                   "scaling",   "n",     "m",      "d"};
constexpr std::array<std::string_view, 2> kSaidLast = {"ranks", "threads"};

bool is_usual(const CaseKey& key, const Case& c) {
  const KeyValue value = key.recorded(c);
  if (value == key.otherwise || value == KeyValue(std::int64_t{0}) || value == KeyValue(std::string(kUnused)))
    return true;
  return key.implied != nullptr && value == key.implied(c);
}

}  // namespace

// One line per key: names have no line ends, so that no two cases make one text.
std::string identity_of(const Case& c) {
  std::string text = fmt::format("study={}\nseed={}\nlengths={}", c.study, c.seed, fmt::join(c.unequal, ","));
  for (const CaseKey& key : case_keys()) text += fmt::format("\n{}={}", key.name, text_of(key.get(c)));
  return text;
}

std::string case_label(const Case& c) {
  std::string method = c.model;
  for (const std::string& part : {c.kernel, c.reduction}) {
    if (part != kUnused) method += "/" + part;
  }
  std::string more;
  for (const CaseKey& key : case_keys()) {
    const auto is_said = [&](const auto& names) {
      return std::find(names.begin(), names.end(), key.name) != names.end();
    };
    if (is_said(kSaid) || is_said(kSaidLast) || is_usual(key, c)) continue;
    more += fmt::format(", {}", key.name);
    if (const std::string value = text_of(key.get(c)); value != "yes") more += fmt::format(" {}", printable(value));
  }
  return fmt::format("{}: {} {}, n {} x m {} x d {}{}, {} rank{} x {} thread{}", printable(c.study), method,
                     name_of(c.precision), c.n, c.m, c.d, more, c.ranks, c.ranks == 1 ? "" : "s", c.threads,
                     c.threads == 1 ? "" : "s");
}

std::vector<Column> case_columns(const Case& c) {
  std::vector<Column> columns = {
      {"case", "1", "number of the case in the campaign, from 1", std::vector<std::int64_t>{c.number}},
      {"study", "", "study of the campaign", std::vector<std::string>{c.study}, std::string(name_of(Role::problem))}};
  for (const CaseKey& key : case_keys()) {
    ColumnValues values = column_of(key.recorded(c));
    const bool is_text = std::holds_alternative<std::vector<std::string>>(values);
    columns.push_back({std::string(key.name), is_text ? "" : std::string(key.units), std::string(key.meaning),
                       std::move(values), std::string(name_of(key.role))});
  }
  columns.push_back({"tokens", "1", "of all sequences", std::vector<std::int64_t>{c.tokens()}});
  return columns;
}

}  // namespace knowscale

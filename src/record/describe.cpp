// SPDX-License-Identifier: BSD-3-Clause
// `knowscale info`: what a file holds.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

#include "core/error.hpp"
#include "core/text.hpp"
#include "problem/h5.hpp"
#include "problem/knowledge_file.hpp"
#include "record/console.hpp"
#include "record/store.hpp"
#include "record/table_file.hpp"

namespace knowscale {
namespace {

std::string describe_knowledge(const std::string& path) {
  const KnowledgeFile file = inspect_knowledge_file(path);
  std::string out = fmt::format("{}: knowledge set \"{}\"\n", printable(path), printable(file.name));
  out += fmt::format("  vectors    {} of dimension {} (f32, {} B)\n", file.count, file.dimension,
                     file.count * file.dimension * 4);
  if (file.in_bytes) out += "  numbers    int8 with scales\n";
  out += fmt::format("  values     {}\n", file.has_values ? "of their own" : "the keys themselves");
  out += fmt::format("  sequences  {} with {} tokens\n", file.sequences, file.tokens);
  out += fmt::format("  source     {}\n  licence    {}\n", printable(file.source), printable(file.licence));
  return out;
}

std::string describe_result(const std::string& path, const h5::Id& file) {
  std::string out = fmt::format("{}: knowscale result\n", printable(path));
  for (const char* name : {"campaign", "config_hash", "knowscale_version"})
    out += fmt::format("  {:<17}  {}\n", name, printable(h5::read_text(file, name)));
  for (const char* name : kResultTables) {
    const Table table = read_table(file, name);
    out += fmt::format("  /{:<16}  {} rows of {} columns\n", name, table.rows(), table.columns.size());
  }
  if (h5::exists(file, "io"))
    out += fmt::format("  /io                kept inputs and outputs of cases {}\n",
                       printable(fmt::format("{}", fmt::join(h5::member_names(h5::open_group(file, "io")), ", "))));
  try {
    return out + '\n' + case_table(read_table(file, "cases"));
  } catch (const std::out_of_range& missing) {
    throw Error(ExitStatus::resource,
                fmt::format("{}: {}: use the version of knowscale that wrote it", path, missing.what()));
  }
}

}  // namespace

std::string describe_file(const std::string& path) {
  const h5::Id file = h5::open_read_only(path);
  return h5::has_attribute(file, "schema_version") ? describe_result(path, file) : describe_knowledge(path);
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "study/knowledge_check.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "problem/finite.hpp"
#include "problem/knowledge_file.hpp"
#include "problem/knowledge_texts.hpp"
#include "problem/knowledge_tokens.hpp"
#include "problem/synthetic.hpp"

namespace knowscale {
namespace {

// The most that cases of one precision read of a file.
struct Extent {
  std::int64_t rows = 0;
  std::int64_t columns = 0;        // of keys and values
  std::int64_t token_columns = 0;  // of the vectors of tokens
};

template <class T>
void check_file(const std::string& path, const Extent& most, const Communicator& world) {
  const KnowledgeFile file = inspect_knowledge_file(path);
  const RowRange mine = row_range(most.rows, world.size(), world.rank());
  check_numbers<T>(path, "keys", mine, most.columns);
  if (file.has_values) check_numbers<T>(path, "values", mine, most.columns);
  if (file.tokens == 0 || !world.is_root()) return;
  check_tokens(path);
  check_numbers<T>(path, "sequences/vectors", {0, file.words}, most.token_columns);
}

}  // namespace

void check_knowledge(const std::vector<Case>& cases, const Communicator& world) {
  std::map<std::pair<std::string, Precision>, Extent> read;
  std::map<std::string, std::int64_t> named;  // rows whose labels may be recorded
  for (const Case& c : cases) {
    if (c.knowledge == kUnused || is_generator(c.knowledge)) continue;
    Extent& most = read[{c.knowledge, c.precision}];
    most.rows = std::max(most.rows, c.m);
    most.columns = std::max(most.columns, c.m == 0 ? 0 : c.knowledge_dim());
    most.token_columns = std::max(most.token_columns, c.d);
    if (c.top_k > 0) named[c.knowledge] = std::max(named[c.knowledge], c.m);
  }
  world.together([&] {
    if (!world.is_root()) return;
    for (const auto& [path, rows] : named) check_texts(path, rows);
  });
  for (const auto& [what, most] : read) {
    world.together([&, &path = what.first, precision = what.second, &extent = most] {
      with_type_of(precision, [&]<class T>(T) { check_file<T>(path, extent, world); });
    });
  }
}

}  // namespace knowscale

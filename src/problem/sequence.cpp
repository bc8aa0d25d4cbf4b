// SPDX-License-Identifier: BSD-3-Clause
#include "problem/sequence.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "problem/knowledge_file.hpp"
#include "problem/knowledge_texts.hpp"
#include "problem/knowledge_tokens.hpp"
#include "problem/synthetic.hpp"

namespace knowscale {
namespace {

template <class T>
void generate(const Case& c, Matrix<T>& queries) {
  std::vector<double> row(static_cast<std::size_t>(c.d));
  for (std::int64_t i = 0; i < queries.rows(); ++i) {
    fill_query_row(c, i, row);
    for (std::int64_t j = 0; j < c.d; ++j) queries(i, j) = static_cast<T>(row[static_cast<std::size_t>(j)]);
  }
}

// Rows of the file's /sequences/tokens that the tokens of the case are.
std::vector<std::int64_t> places_in_file(const Case& c) {
  std::vector<std::int64_t> places;
  if (c.lengths != Lengths::sentences) {
    places.resize(static_cast<std::size_t>(c.tokens()));
    std::iota(places.begin(), places.end(), 0);
    return places;
  }
  const std::vector<std::int64_t> offsets = read_sentence_offsets(c.knowledge, c.batch);
  const std::vector<RowRange> sequences = c.sequences();
  for (std::size_t b = 0; b < sequences.size(); ++b) {
    for (std::int64_t i = 0; i < sequences[b].size(); ++i) places.push_back(offsets[b % (offsets.size() - 1)] + i);
  }
  return places;
}

bool has_tokens(const Case& c) {
  return c.knowledge != kUnused && !is_generator(c.knowledge) && inspect_knowledge_file(c.knowledge).tokens > 0;
}

}  // namespace

template <class T>
Matrix<T> load_queries(const Case& c, const Communicator& comm) {
  Matrix<T> queries;
  bool from_file = false;
  comm.together([&] {
    from_file = has_tokens(c);
    queries = Matrix<T>(c.tokens(), c.d);
    if (!from_file) generate(c, queries);
    if (from_file && comm.is_root()) read_tokens(c.knowledge, places_in_file(c), queries);
  });
  if (from_file) comm.broadcast(queries.span());
  if (c.sequence == Placement::sharded) {
    const RowRange held = c.token_shard(comm.rank());
    const T nobodys = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
    std::fill(queries.row(0), queries.row(held.begin), nobodys);
    std::fill(queries.row(held.end), queries.row(queries.rows()), nobodys);
  }
  return queries;
}

std::vector<std::string> token_words(const Case& c) {
  if (!has_tokens(c)) return {};
  return read_words(c.knowledge, places_in_file(c));
}

std::vector<std::string> knowledge_labels(const Case& c, const std::vector<std::int64_t>& rows) {
  if (is_generator(c.knowledge)) return {};
  return read_labels(c.knowledge, rows);
}

template Matrix<float> load_queries(const Case&, const Communicator&);
template Matrix<double> load_queries(const Case&, const Communicator&);
template Matrix<Bf16> load_queries(const Case&, const Communicator&);
template Matrix<F16> load_queries(const Case&, const Communicator&);

}  // namespace knowscale

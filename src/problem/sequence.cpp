// SPDX-License-Identifier: BSD-3-Clause
#include "problem/sequence.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "problem/knowledge_file.hpp"
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

template <class T>
void read(const Case& c, Matrix<T>& queries) {
  read_tokens(c.knowledge, queries);
  for (std::int64_t i = 0; i < queries.size(); ++i) {
    require(std::isfinite(static_cast<double>(queries.data()[i])), ExitStatus::resource,
            fmt::format("{}: /sequences holds {} in the vector of token {}: remove or mend it", c.knowledge,
                        static_cast<double>(queries.data()[i]), i / c.d));
  }
}

}  // namespace

template <class T>
Matrix<T> load_queries(const Case& c, const Communicator& comm) {
  Matrix<T> queries;
  bool from_file = false;
  comm.together([&] {
    from_file = !is_generator(c.knowledge) && inspect_knowledge_file(c.knowledge).tokens > 0;
    queries = Matrix<T>(c.batch * c.n, c.d);
    if (!from_file) generate(c, queries);
    if (from_file && comm.is_root()) read(c, queries);
  });
  if (from_file) comm.broadcast(queries.span());
  return queries;
}

template Matrix<float> load_queries(const Case&, const Communicator&);
template Matrix<double> load_queries(const Case&, const Communicator&);
template Matrix<Bf16> load_queries(const Case&, const Communicator&);
template Matrix<F16> load_queries(const Case&, const Communicator&);

}  // namespace knowscale

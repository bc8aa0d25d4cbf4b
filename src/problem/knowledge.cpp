// SPDX-License-Identifier: BSD-3-Clause
#include "problem/knowledge.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "problem/knowledge_file.hpp"
#include "problem/synthetic.hpp"

namespace knowscale {
namespace {

template <class T, class FillRow>
void generate(const Case& c, RowRange rows, Matrix<T>& out, FillRow fill_row) {
  out = Matrix<T>(rows.size(), c.knowledge_dim());
  std::vector<double> row(static_cast<std::size_t>(c.knowledge_dim()));
  for (std::int64_t i = 0; i < rows.size(); ++i) {
    fill_row(c, rows.begin + i, row);
    for (std::int64_t j = 0; j < out.cols(); ++j) out(i, j) = static_cast<T>(row[static_cast<std::size_t>(j)]);
  }
}

template <class T>
void require_finite(const Matrix<T>& matrix, const std::string& path, const char* dataset, std::int64_t first_row) {
  for (std::int64_t i = 0; i < matrix.rows(); ++i) {
    for (std::int64_t j = 0; j < matrix.cols(); ++j) {
      require(std::isfinite(static_cast<double>(matrix(i, j))), ExitStatus::resource,
              fmt::format("{}: {} row {} column {} is {}: remove or mend that vector", path, dataset, first_row + i, j,
                          static_cast<double>(matrix(i, j))));
    }
  }
}

}  // namespace

bool has_separate_values(const Case& c) {
  return is_generator(c.knowledge) || inspect_knowledge_file(c.knowledge).has_values;
}

template <class T>
KnowledgeShard<T> load_knowledge(const Case& c, const Communicator& comm) {
  KnowledgeShard<T> shard;
  shard.rows = row_range(c.m, comm.size(), comm.rank());
  if (is_generator(c.knowledge)) {
    comm.together([&] {
      generate(c, shard.rows, shard.keys, fill_key_row);
      generate(c, shard.rows, shard.separate_values, fill_value_row);
    });
    return shard;
  }
  bool values = false;
  comm.together([&] {
    values = has_separate_values(c);
    shard.keys = Matrix<T>(shard.rows.size(), c.knowledge_dim());
    if (values) shard.separate_values = Matrix<T>(shard.rows.size(), c.knowledge_dim());
  });
  read_knowledge_rows(c.knowledge, "/keys", shard.rows, shard.keys, comm);
  if (values) read_knowledge_rows(c.knowledge, "/values", shard.rows, shard.separate_values, comm);
  comm.together([&] {
    require_finite(shard.keys, c.knowledge, "/keys", shard.rows.begin);
    require_finite(shard.separate_values, c.knowledge, "/values", shard.rows.begin);
  });
  return shard;
}

template KnowledgeShard<float> load_knowledge(const Case&, const Communicator&);
template KnowledgeShard<double> load_knowledge(const Case&, const Communicator&);
template KnowledgeShard<Bf16> load_knowledge(const Case&, const Communicator&);
template KnowledgeShard<F16> load_knowledge(const Case&, const Communicator&);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "problem/knowledge.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/threads.hpp"
#include "problem/finite.hpp"
#include "problem/knowledge_file.hpp"
#include "problem/synthetic.hpp"

namespace knowscale {
namespace {

// A shard's matrix whose rows each thread has written first that will read them (kernels divide keys alike).
template <class T>
Matrix<T> placed(std::int64_t rows, std::int64_t cols, const Threads& threads) {
  Matrix<T> matrix(rows, cols);
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    const RowRange mine = row_range(rows, threads.count(), part);
    std::fill_n(matrix.row(mine.begin), mine.size() * cols, T{});
  });
  return matrix;
}

template <class T, class FillRow>
void generate(const Case& c, RowRange rows, Matrix<T>& out, const Threads& threads, FillRow fill_row) {
  out = Matrix<T>(rows.size(), c.knowledge_dim());
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    std::vector<double> row(static_cast<std::size_t>(c.knowledge_dim()));
    const RowRange mine = row_range(rows.size(), threads.count(), part);
    for (std::int64_t i = mine.begin; i < mine.end; ++i) {
      fill_row(c, rows.begin + i, row);
      for (std::int64_t j = 0; j < out.cols(); ++j) out(i, j) = static_cast<T>(row[static_cast<std::size_t>(j)]);
    }
  });
}

}  // namespace

template <class T>
KnowledgeShard<T> load_knowledge(const Case& c, const Communicator& comm, const Threads& threads) {
  KnowledgeShard<T> shard;
  shard.rows = shard_range(c.m, comm.size(), c.shard_granule(), comm.rank());
  if (c.m == 0) {
    shard.keys = Matrix<T>(0, c.knowledge_dim());
    return shard;
  }
  if (is_generator(c.knowledge)) {
    comm.together([&] {
      generate(c, shard.rows, shard.keys, threads, fill_key_row);
      generate(c, shard.rows, shard.separate_values, threads, fill_value_row);
    });
    return shard;
  }
  const bool values = c.has_separate_values();
  comm.together([&] {
    shard.keys = placed<T>(shard.rows.size(), c.knowledge_dim(), threads);
    if (values) shard.separate_values = placed<T>(shard.rows.size(), c.knowledge_dim(), threads);
  });
  read_knowledge_rows(c.knowledge, "keys", shard.rows, shard.keys, comm);
  if (values) read_knowledge_rows(c.knowledge, "values", shard.rows, shard.separate_values, comm);
  comm.together([&] {
    require_finite<T>(std::as_const(shard.keys).view(), c.knowledge, "keys", shard.rows.begin);
    require_finite<T>(std::as_const(shard.separate_values).view(), c.knowledge, "values", shard.rows.begin);
  });
  return shard;
}

template KnowledgeShard<float> load_knowledge(const Case&, const Communicator&, const Threads&);
template KnowledgeShard<double> load_knowledge(const Case&, const Communicator&, const Threads&);
template KnowledgeShard<Bf16> load_knowledge(const Case&, const Communicator&, const Threads&);
template KnowledgeShard<F16> load_knowledge(const Case&, const Communicator&, const Threads&);

}  // namespace knowscale

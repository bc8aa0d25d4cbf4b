// SPDX-License-Identifier: BSD-3-Clause
#include "models/tokens.hpp"

#include <algorithm>

#include "kernels/threads.hpp"

namespace knowscale {

template <class T, class A>
void As<T, A>::update(const Threads& threads) {
  if constexpr (!std::is_same_v<T, A>) {
    threads.parallel_for(threads.count(), [&](std::int64_t part) {
      const RowRange mine = row_range(wanted_.size(), threads.count(), part);
      for (std::int64_t i = wanted_.begin + mine.begin; i < wanted_.begin + mine.end; ++i) {
        std::copy_n(rows_.row(i), rows_.cols, copy_.row(i));
      }
    });
  }
}

template <class T>
Tokens<T>::Tokens(const Problem<T>& problem, bool all)
    : problem_(problem),
      gathers_(all && problem.c.sequence == Placement::sharded && problem.comm.size() > 1),
      own_(problem.c.token_shard(problem.comm.rank())),
      readable_(all ? RowRange{0, problem.queries.rows} : own_) {
  if (!gathers_) return;
  for (int r = 0; r < problem.comm.size(); ++r) shards_.push_back(problem.c.token_shard(r));
  gathered_ = Matrix<T>(problem.queries.rows, problem.queries.cols);
}

template <class T>
void Tokens<T>::gather() {
  if (!gathers_) return;
  const MatrixView<const T> held = problem_.queries.slice_rows(own_);
  std::copy_n(held.data, held.size(), gathered_.row(own_.begin));
  problem_.comm.allgather_rows(gathered_.view(), shards_);
}

template <class T>
TokenKeys<T>::TokenKeys(const Case& c, int rank, MatrixView<const T> tokens)
    : shape_(c.head_shape()), own_rows_(tokens.slice_rows(c.token_shard(rank))) {
  if (shape_.heads != shape_.kv_heads) pooled_ = Matrix<T>(own_rows_.rows, shape_.kv_heads * shape_.key_dim);
}

template <class T>
void TokenKeys<T>::update(const Threads& threads) {
  if (pooled_.cols() == 0) return;
  const std::int64_t group = shape_.heads / shape_.kv_heads, width = shape_.key_dim;
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    const RowRange mine = row_range(own_rows_.rows, threads.count(), part);
    for (std::int64_t i = mine.begin; i < mine.end; ++i) {
      for (std::int64_t column = 0; column < pooled_.cols(); ++column) {
        const T* first = own_rows_.row(i) + column / width * group * width + column % width;
        double sum = 0;
        for (std::int64_t head = 0; head < group; ++head) sum += static_cast<double>(first[head * width]);
        pooled_(i, column) = static_cast<T>(sum / static_cast<double>(group));
      }
    }
  });
}

template class As<float, float>;
template class As<double, double>;
template class As<Bf16, float>;
template class As<F16, float>;
template class Tokens<float>;
template class Tokens<double>;
template class Tokens<Bf16>;
template class Tokens<F16>;
template class TokenKeys<float>;
template class TokenKeys<double>;
template class TokenKeys<Bf16>;
template class TokenKeys<F16>;

}  // namespace knowscale

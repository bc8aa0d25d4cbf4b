// SPDX-License-Identifier: BSD-3-Clause
#include "models/knowledge_moments.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "comm/clock.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

template <class T>
double largest_size(const StoredRows<T>& rows) {
  double largest = 0;
  Matrix<T> copy;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const T* row = numbers_of(rows.slice_rows({i, i + 1}), 0, rows.cols, copy).data;
    for (std::int64_t j = 0; j < rows.cols; ++j) largest = std::max(largest, std::abs(static_cast<double>(row[j])));
  }
  return largest;
}

}  // namespace

template <class T>
KnowledgeMoments<T>::KnowledgeMoments(const Problem<T>& problem, std::span<const MomentKind> kinds,
                                      const Engine& engine)
    : problem_(problem),
      kinds_(kinds),
      engine_(engine),
      rows_{problem.knowledge.stored_keys(), problem.knowledge.stored_values(), problem.c.head_shape()},
      moments_(moment_rows(rows_.shape, kinds.size()), rows_.shape.value_dim) {
  constexpr std::int64_t kMostChunks = std::int64_t{1} << 20;  // that FixedPoint adds
  const std::int64_t chunk = problem.c.shard_granule();
  require(!problem.c.fixed_bits() || problem.c.m <= kMostChunks * chunk, ExitStatus::usage,
          "chunk = " + std::to_string(chunk) + " cuts m = " + std::to_string(problem.c.m) +
              " vectors into more than 2^20 chunks, more than moments are summed over exactly: use a larger chunk");
}

template <class T>
Phases KnowledgeMoments<T>::update() {
  const Phases phases = problem_.c.fixed_bits() ? sum_exactly() : sum_plainly();
  const A mean = 1 / static_cast<A>(problem_.c.m);
  for (A& x : moments_.span()) x *= mean;
  return phases;
}

template <class T>
MatrixView<const Accumulator<T>> KnowledgeMoments<T>::of(std::size_t kind, std::int64_t kv_head) const {
  const HeadShape& shape = rows_.shape;
  const std::int64_t first = (static_cast<std::int64_t>(kind) * shape.kv_heads + kv_head) * shape.key_dim;
  return moments_.view().slice_rows({first, first + shape.key_dim});
}

template <class T>
Phases KnowledgeMoments<T>::sum_plainly() {
  Phases phases;
  const double start = now();
  phases.copied = engine_.moments(rows_, kinds_, moments_.view(), problem_.threads);
  phases.compute = now() - start;
  problem_.comm.allreduce(moments_.span(), Combine::sum);
  return phases;
}

// No term of a sum over keys is larger, on any rank.
template <class T>
double KnowledgeMoments<T>::largest_term(const MomentKind& kind) const {
  const auto width = static_cast<double>(rows_.shape.key_dim);
  if (kind.of_keys) return width;  // of kMetric
  const double value = largest_size(rows_.values);
  return value * (kind.weight == MomentWeight::map ? std::sqrt(width) : largest_size(rows_.keys));
}

template <class T>
Phases KnowledgeMoments<T>::sum_exactly() {
  Phases phases;
  const double start = now();
  const std::int64_t chunk = problem_.c.shard_granule(), all_chunks = (problem_.c.m + chunk - 1) / chunk;
  std::vector<double> largest;
  for (const MomentKind& kind : kinds_) largest.push_back(largest_term(kind));
  phases.compute = now() - start;
  problem_.comm.allreduce(std::span<double>(largest), Combine::maximum);

  const double agreed = now();
  std::vector<FixedPoint> formats;
  for (const double size : largest) formats.emplace_back(1.01 * size * static_cast<double>(chunk), all_chunks);
  std::vector<std::int64_t> sums(static_cast<std::size_t>(2 * moments_.size()));
  phases.copied = engine_.exact_moments(rows_, kinds_, {chunk, formats, sums}, problem_.threads);
  phases.compute += now() - agreed;
  problem_.comm.allreduce(std::span<std::int64_t>(sums), Combine::sum);
  const std::int64_t per_kind = moments_.size() / static_cast<std::int64_t>(kinds_.size());
  for (std::int64_t j = 0; j < moments_.size(); ++j) {
    const auto at = static_cast<std::size_t>(2 * j);
    moments_.data()[j] = static_cast<A>(formats[static_cast<std::size_t>(j / per_kind)].value(sums[at], sums[at + 1]));
  }
  return phases;
}

template class KnowledgeMoments<float>;
template class KnowledgeMoments<double>;
template class KnowledgeMoments<Bf16>;
template class KnowledgeMoments<F16>;

}  // namespace knowscale

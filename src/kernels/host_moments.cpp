// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/host_moments.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/moments.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

// Keys whose weights are made and used while they are in cache.
constexpr std::int64_t kChunk = 1024;

template <class L>
L weight_of(MomentWeight weight, L square, L width) {
  switch (weight) {
    case MomentWeight::metric: return 1 / (1 + square / width);
    case MomentWeight::map: return 1 / std::sqrt(1 + square / width);
    case MomentWeight::plain: break;
  }
  return 1;
}

// The sums over some rows of the shard, all kinds and heads, to `sums`.
template <class T>
void sum_rows(const MomentRows<T>& all, std::span<const MomentKind> kinds, RowRange rows,
              MatrixView<Accumulator<T>> sums) {
  using A = Accumulator<T>;
  const Threads alone(1);
  const HeadShape& shape = all.shape;
  std::vector<A> squares(static_cast<std::size_t>(rows.size())), weights(squares.size());
  Matrix<T> key_copy, value_copy;
  for (std::int64_t head = 0; head < shape.kv_heads; ++head) {
    const MatrixView<const T> keys =
        numbers_of(all.keys.slice_rows(rows), head * shape.key_dim, shape.key_dim, key_copy);
    const MatrixView<const T> values =
        all.values.are(all.keys)
            ? keys
            : numbers_of(all.values.slice_rows(rows), head * shape.value_dim, shape.value_dim, value_copy);
    for (std::int64_t k = 0; k < keys.rows; ++k) {
      const T* key = keys.row(k);
      A square = 0;
      for (std::int64_t c = 0; c < keys.cols; ++c) square += static_cast<A>(key[c]) * static_cast<A>(key[c]);
      squares[static_cast<std::size_t>(k)] = square;
    }
    for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
      const auto width = static_cast<A>(shape.key_dim);
      std::transform(squares.begin(), squares.end(), weights.begin(),
                     [&](A square) { return weight_of(kinds[kind].weight, square, width); });
      const std::int64_t first = (static_cast<std::int64_t>(kind) * shape.kv_heads + head) * shape.key_dim;
      moments<T>(keys, kinds[kind].of_keys ? keys : values, weights, sums.slice_rows({first, first + shape.key_dim}),
                 alone);
    }
  }
}

template <class T>
double sum_shard(const MomentRows<T>& rows, std::span<const MomentKind> kinds, MatrixView<Accumulator<T>> to,
                 const Threads& threads) {
  using A = Accumulator<T>;
  std::vector<Matrix<A>> sums;
  for (int part = 0; part < threads.count(); ++part) sums.emplace_back(to.rows, to.cols);
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    Matrix<A>& sum = sums[static_cast<std::size_t>(part)];
    Matrix<A> chunk(sum.rows(), sum.cols());
    std::fill_n(sum.data(), sum.size(), A{0});
    const RowRange mine = row_range(rows.keys.rows, threads.count(), part);
    for (std::int64_t begin = mine.begin; begin < mine.end; begin += kChunk) {
      sum_rows(rows, kinds, {begin, std::min(begin + kChunk, mine.end)}, chunk.view());
      for (std::int64_t i = 0; i < sum.size(); ++i) sum.data()[i] += chunk.data()[i];
    }
  });
  std::fill_n(to.data, to.size(), A{0});
  for (const Matrix<A>& sum : sums) {
    for (std::int64_t i = 0; i < sum.size(); ++i) to.data[i] += sum.data()[i];
  }
  return 0;
}

template <class T>
double sum_shard_exactly(const MomentRows<T>& rows, std::span<const MomentKind> kinds, const ExactSums& sums,
                         const Threads& threads) {
  using A = Accumulator<T>;
  std::vector<std::vector<std::int64_t>> parts(static_cast<std::size_t>(threads.count()));
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    std::vector<std::int64_t>& mine = parts[static_cast<std::size_t>(part)];
    mine.assign(sums.numbers.size(), 0);
    Matrix<A> of_chunk(moment_rows(rows.shape, kinds.size()), rows.shape.value_dim);
    const std::int64_t count = rows.keys.rows;
    const RowRange chunks = row_range((count + sums.chunk - 1) / sums.chunk, threads.count(), part);
    for (std::int64_t i = chunks.begin; i < chunks.end; ++i) {
      sum_rows(rows, kinds, {i * sums.chunk, std::min((i + 1) * sums.chunk, count)}, of_chunk.view());
      sums.add(of_chunk.data(), {0, of_chunk.size()}, of_chunk.size(), mine);
    }
  });
  std::fill(sums.numbers.begin(), sums.numbers.end(), 0);
  for (const std::vector<std::int64_t>& part : parts) {
    for (std::size_t i = 0; i < part.size(); ++i) sums.numbers[i] += part[i];
  }
  return 0;
}

}  // namespace

constinit const ByPrecision<SumMoments> sum_moments = by_precision<SumMoments>([]<class T>() { return sum_shard<T>; });
constinit const ByPrecision<SumMomentsExactly> sum_moments_exactly =
    by_precision<SumMomentsExactly>([]<class T>() { return sum_shard_exactly<T>; });

}  // namespace knowscale

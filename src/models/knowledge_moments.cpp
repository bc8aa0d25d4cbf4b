// SPDX-License-Identifier: BSD-3-Clause
#include "models/knowledge_moments.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "comm/clock.hpp"
#include "kernels/cuda/moments_from_host.hpp"
#include "kernels/moments.hpp"
#include "kernels/threads.hpp"

namespace knowscale {
namespace {

// Keys whose weights are made and used while they are in cache.
constexpr std::int64_t kChunk = 1024;

// Of rows that the device is given at a time, and of sums that it gives back.
constexpr std::int64_t kDeviceRowBytes = std::int64_t{128} << 20, kDeviceSumBytes = std::int64_t{1} << 20;

template <class L>
L weight_of(Moment kind, L square, L width) {
  switch (kind) {
    case Moment::metric: return 1 / (1 + square / width);
    case Moment::map: return 1 / std::sqrt(1 + square / width);
    case Moment::plain: break;
  }
  return 1;
}

cuda::MomentKind device_kind(Moment kind) {
  switch (kind) {
    case Moment::metric: return {cuda::MomentWeight::metric, true};
    case Moment::map: return {cuda::MomentWeight::map, false};
    case Moment::plain: break;
  }
  return {};
}

template <class T>
double largest_size(MatrixView<const T> rows) {
  double largest = 0;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) largest = std::max(largest, std::abs(static_cast<double>(rows(i, j))));
  }
  return largest;
}

}  // namespace

template <class T>
KnowledgeMoments<T>::KnowledgeMoments(const Problem<T>& problem, std::span<const Moment> kinds, bool on_device)
    : problem_(problem),
      kinds_(kinds),
      shape_(problem.c.head_shape()),
      on_device_(on_device),
      moments_(static_cast<std::int64_t>(kinds.size()) * shape_.kv_heads * shape_.key_dim, shape_.value_dim) {
  constexpr std::int64_t kMostChunks = std::int64_t{1} << 20;  // that FixedPoint adds
  const std::int64_t chunk = problem.c.shard_granule();
  require(!problem.c.fixed_bits() || problem.c.m <= kMostChunks * chunk, ExitStatus::usage,
          "chunk = " + std::to_string(chunk) + " cuts m = " + std::to_string(problem.c.m) +
              " vectors into more than 2^20 chunks, more than moments are summed over exactly: use a larger chunk");
}

template <class T>
double KnowledgeMoments<T>::update() {
  const double compute = problem_.c.fixed_bits() ? sum_exactly() : sum_plainly();
  const A mean = 1 / static_cast<A>(problem_.c.m);
  for (A& x : moments_.span()) x *= mean;
  return compute;
}

template <class T>
MatrixView<const Accumulator<T>> KnowledgeMoments<T>::of(std::size_t kind, std::int64_t kv_head) const {
  const std::int64_t first = (static_cast<std::int64_t>(kind) * shape_.kv_heads + kv_head) * shape_.key_dim;
  return moments_.view().slice_rows({first, first + shape_.key_dim});
}

template <class T>
MatrixView<const T> KnowledgeMoments<T>::keys_of(std::int64_t kv_head) const {
  return problem_.knowledge.keys.view().slice_cols(kv_head * shape_.key_dim, shape_.key_dim);
}

template <class T>
MatrixView<const T> KnowledgeMoments<T>::values_of(std::size_t kind, std::int64_t kv_head) const {
  if (kinds_[kind] == Moment::metric) return keys_of(kv_head);
  return problem_.knowledge.values().slice_cols(kv_head * shape_.value_dim, shape_.value_dim);
}

// The sums over some rows of the shard, all kinds and heads, to `chunk` (as moments_).
template <class T>
void KnowledgeMoments<T>::add_chunk(RowRange rows, MatrixView<A> chunk) const {
  const Threads alone(1);
  std::vector<A> squares(static_cast<std::size_t>(rows.size())), weights(squares.size());
  for (std::int64_t head = 0; head < shape_.kv_heads; ++head) {
    const MatrixView<const T> keys = keys_of(head).slice_rows(rows);
    for (std::int64_t k = 0; k < keys.rows; ++k) {
      const T* key = keys.row(k);
      A square = 0;
      for (std::int64_t c = 0; c < keys.cols; ++c) square += static_cast<A>(key[c]) * static_cast<A>(key[c]);
      squares[static_cast<std::size_t>(k)] = square;
    }
    for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
      const auto width = static_cast<A>(shape_.key_dim);
      std::transform(squares.begin(), squares.end(), weights.begin(),
                     [&](A square) { return weight_of(kinds_[kind], square, width); });
      const std::int64_t first = (static_cast<std::int64_t>(kind) * shape_.kv_heads + head) * shape_.key_dim;
      moments<T>(keys, values_of(kind, head).slice_rows(rows), weights,
                 chunk.slice_rows({first, first + shape_.key_dim}), alone);
    }
  }
}

template <class T>
void KnowledgeMoments<T>::sum_shard() {
  const Threads& threads = problem_.threads;
  const std::int64_t rows = problem_.knowledge.keys.rows();
  std::vector<Matrix<A>> sums;
  for (int part = 0; part < threads.count(); ++part) sums.emplace_back(moments_.rows(), moments_.cols());
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    Matrix<A>& sum = sums[static_cast<std::size_t>(part)];
    Matrix<A> chunk(sum.rows(), sum.cols());
    std::fill_n(sum.data(), sum.size(), A{0});
    const RowRange mine = row_range(rows, threads.count(), part);
    for (std::int64_t begin = mine.begin; begin < mine.end; begin += kChunk) {
      add_chunk({begin, std::min(begin + kChunk, mine.end)}, chunk.view());
      for (std::int64_t i = 0; i < sum.size(); ++i) sum.data()[i] += chunk.data()[i];
    }
  });
  std::fill_n(moments_.data(), moments_.size(), A{0});
  for (const Matrix<A>& sum : sums) {
    for (std::int64_t i = 0; i < sum.size(); ++i) moments_.data()[i] += sum.data()[i];
  }
}

// Calls take(sums) with the device's sums of chunks of so many rows, a row for each of up to `chunks_at_once` chunks,
// one part of the shard after another.
template <class T>
template <class Take>
void KnowledgeMoments<T>::for_device_sums(std::int64_t chunk, std::int64_t chunks_at_once, const Take& take) {
  std::vector<cuda::MomentKind> kinds;
  for (const Moment kind : kinds_) kinds.push_back(device_kind(kind));
  const MatrixView<const T> keys = problem_.knowledge.keys.view(), values = problem_.knowledge.values();
  const std::int64_t at_once = chunk * chunks_at_once;
  for (std::int64_t begin = 0; begin < keys.rows; begin += at_once) {
    const RowRange rows = {begin, std::min(begin + at_once, keys.rows)};
    const std::int64_t chunks = (rows.size() + chunk - 1) / chunk;
    if (device_sums_.rows() < chunks) device_sums_ = Matrix<A>(chunks, moments_.size());
    cuda::moments_from_host<T>({keys.slice_rows(rows), values.slice_rows(rows), shape_}, kinds, chunk,
                               {device_sums_.data(), chunks * moments_.rows(), moments_.cols(), moments_.cols()});
    take(std::as_const(device_sums_).view().slice_rows({0, chunks}));
  }
}

template <class T>
void KnowledgeMoments<T>::sum_shard_on_device() {
  const std::int64_t row_bytes = problem_.knowledge.keys.cols() * static_cast<std::int64_t>(sizeof(T));
  std::fill_n(moments_.data(), moments_.size(), A{0});
  for_device_sums(std::max<std::int64_t>(kDeviceRowBytes / row_bytes, 1), 1, [&](MatrixView<const A> sums) {
    for (std::int64_t i = 0; i < moments_.size(); ++i) moments_.data()[i] += sums(0, i);
  });
}

template <class T>
double KnowledgeMoments<T>::sum_plainly() {
  const double start = now();
  if (on_device_) {
    sum_shard_on_device();
  } else {
    sum_shard();
  }
  const double compute = now() - start;
  problem_.comm.allreduce(moments_.span(), Combine::sum);
  return compute;
}

// No term of a sum over keys is larger, on any rank.
template <class T>
double KnowledgeMoments<T>::largest_term(std::size_t kind) const {
  const auto width = static_cast<double>(shape_.key_dim);
  if (kinds_[kind] == Moment::metric) return width;
  const double value = largest_size(problem_.knowledge.values());
  return value * (kinds_[kind] == Moment::map ? std::sqrt(width) : largest_size(problem_.knowledge.keys.view()));
}

// Adds these numbers of a chunk's sums to their high and low parts, which lie one after the other.
template <class T>
void KnowledgeMoments<T>::add_exactly(const A* of_chunk, RowRange numbers, std::span<const FixedPoint> formats,
                                      std::vector<std::int64_t>& sums) const {
  const std::int64_t a_kind = moments_.size() / static_cast<std::int64_t>(kinds_.size());
  for (std::int64_t i = numbers.begin; i < numbers.end; ++i) {
    const auto at = static_cast<std::size_t>(2 * i);
    formats[static_cast<std::size_t>(i / a_kind)].add(static_cast<double>(of_chunk[i]), sums[at], sums[at + 1]);
  }
}

template <class T>
std::vector<std::int64_t> KnowledgeMoments<T>::exact_sums(std::span<const FixedPoint> formats) const {
  const Threads& threads = problem_.threads;
  const std::int64_t rows = problem_.knowledge.keys.rows(), chunk = problem_.c.shard_granule();
  std::vector<std::vector<std::int64_t>> parts(static_cast<std::size_t>(threads.count()));
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    std::vector<std::int64_t>& sums = parts[static_cast<std::size_t>(part)];
    sums.assign(static_cast<std::size_t>(2 * moments_.size()), 0);
    Matrix<A> of_chunk(moments_.rows(), moments_.cols());
    const RowRange mine = row_range((rows + chunk - 1) / chunk, threads.count(), part);
    for (std::int64_t i = mine.begin; i < mine.end; ++i) {
      add_chunk({i * chunk, std::min((i + 1) * chunk, rows)}, of_chunk.view());
      add_exactly(of_chunk.data(), {0, moments_.size()}, formats, sums);
    }
  });
  std::vector<std::int64_t>& sums = parts.front();
  for (std::size_t part = 1; part < parts.size(); ++part) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += parts[part][i];
  }
  return std::move(sums);
}

// The device sums the chunks, the threads add them up: some numbers each, of all chunks.
template <class T>
std::vector<std::int64_t> KnowledgeMoments<T>::exact_sums_on_device(std::span<const FixedPoint> formats) {
  const Threads& threads = problem_.threads;
  const std::int64_t chunk = problem_.c.shard_granule(), row_size = problem_.knowledge.keys.cols();
  const std::int64_t by_rows = kDeviceRowBytes / (chunk * row_size * static_cast<std::int64_t>(sizeof(T)));
  const std::int64_t by_sums = kDeviceSumBytes / (moments_.size() * static_cast<std::int64_t>(sizeof(A)));
  std::vector<std::int64_t> sums(static_cast<std::size_t>(2 * moments_.size()), 0);
  for_device_sums(chunk, std::max<std::int64_t>(std::min(by_rows, by_sums), 1), [&](MatrixView<const A> of_chunks) {
    threads.parallel_for(threads.count(), [&](std::int64_t part) {
      const RowRange mine = row_range(moments_.size(), threads.count(), part);
      for (std::int64_t i = 0; i < of_chunks.rows; ++i) add_exactly(of_chunks.row(i), mine, formats, sums);
    });
  });
  return sums;
}

template <class T>
double KnowledgeMoments<T>::sum_exactly() {
  const double start = now();
  const std::int64_t chunk = problem_.c.shard_granule(), all_chunks = (problem_.c.m + chunk - 1) / chunk;
  std::vector<double> largest(kinds_.size());
  for (std::size_t kind = 0; kind < largest.size(); ++kind) largest[kind] = largest_term(kind);
  const double before = now();
  problem_.comm.allreduce(std::span<double>(largest), Combine::maximum);
  const double agreed = now();

  std::vector<FixedPoint> formats;
  for (const double size : largest) formats.emplace_back(1.01 * size * static_cast<double>(chunk), all_chunks);
  std::vector<std::int64_t> sums = on_device_ ? exact_sums_on_device(formats) : exact_sums(formats);
  const double compute = now() - agreed + before - start;
  problem_.comm.allreduce(std::span<std::int64_t>(sums), Combine::sum);
  const std::int64_t a_kind = moments_.size() / static_cast<std::int64_t>(kinds_.size());
  for (std::int64_t j = 0; j < moments_.size(); ++j) {
    const auto at = static_cast<std::size_t>(2 * j);
    moments_.data()[j] = static_cast<A>(formats[static_cast<std::size_t>(j / a_kind)].value(sums[at], sums[at + 1]));
  }
  return compute;
}

template class KnowledgeMoments<float>;
template class KnowledgeMoments<double>;
template class KnowledgeMoments<Bf16>;
template class KnowledgeMoments<F16>;

}  // namespace knowscale

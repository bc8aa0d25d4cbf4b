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

constexpr const char *kKeys = "keys", *kValues = "values";
constexpr std::int64_t kBytesAtOnce = 1 << 20;  // of numbers that are quantised

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

// Rows of the keys ("keys") or values ("values") of the set. Collective.
template <class T>
Matrix<T> load_rows(const Case& c, const char* dataset, RowRange rows, const Communicator& comm,
                    const Threads& threads) {
  Matrix<T> out;
  if (is_generator(c.knowledge)) {
    const auto fill_row = dataset == kKeys ? fill_key_row : fill_value_row;
    comm.together([&] {
      out = Matrix<T>(rows.size(), c.knowledge_dim());
      threads.parallel_for(threads.count(), [&](std::int64_t part) {
        std::vector<double> row(static_cast<std::size_t>(c.knowledge_dim()));
        const RowRange mine = row_range(rows.size(), threads.count(), part);
        for (std::int64_t i = mine.begin; i < mine.end; ++i) {
          fill_row(c, rows.begin + i, row);
          for (std::int64_t j = 0; j < out.cols(); ++j) out(i, j) = static_cast<T>(row[static_cast<std::size_t>(j)]);
        }
      });
    });
    return out;
  }
  comm.together([&] { out = placed<T>(rows.size(), c.knowledge_dim(), threads); });
  read_knowledge_rows(c.knowledge, dataset, rows, out, comm);
  comm.together([&] { require_finite<T>(std::as_const(out).view(), c.knowledge, dataset, rows.begin); });
  return out;
}

// Rows `from` on of `to` = these numbers.
void quantise_rows(MatrixView<const float> numbers, std::int64_t from, ByteMatrix& to, const Threads& threads) {
  threads.parallel_for(threads.count(), [&](std::int64_t part) {
    const RowRange mine = row_range(numbers.rows, threads.count(), part);
    for (std::int64_t i = mine.begin; i < mine.end; ++i) to.set_row(from + i, numbers.row(i));
  });
}

// Some rows at a time, so that they are never all in memory as numbers. Collective.
ByteMatrix load_bytes(const Case& c, const char* dataset, RowRange rows, const Communicator& comm,
                      const Threads& threads) {
  ByteMatrix bytes;
  comm.together([&] {
    bytes = ByteMatrix(byte_layout(c), placed<std::uint8_t>(rows.size(), byte_layout(c).record_bytes(), threads));
  });
  const std::int64_t most = comm.allreduce(rows.size(), Combine::maximum);
  const std::int64_t at_once =
      std::max<std::int64_t>(kBytesAtOnce / static_cast<std::int64_t>(sizeof(float)) / c.knowledge_dim(), 1);
  for (std::int64_t begin = 0; begin < most; begin += at_once) {
    const RowRange some = {std::min(rows.begin + begin, rows.end), std::min(rows.begin + begin + at_once, rows.end)};
    const Matrix<float> numbers = load_rows<float>(c, dataset, some, comm, threads);
    quantise_rows(numbers.view(), some.begin - rows.begin, bytes, threads);
  }
  return bytes;
}

}  // namespace

template <class T>
KnowledgeShard<T> load_knowledge(const Case& c, const Communicator& comm, const Threads& threads) {
  KnowledgeShard<T> shard;
  shard.rows = shard_range(c.m, comm.size(), c.shard_granule(), comm.rank());
  const bool values = is_generator(c.knowledge) || c.has_separate_values();
  if constexpr (std::is_same_v<T, float>) {
    if (c.keeps_bytes() && c.m > 0) {
      shard.key_bytes = load_bytes(c, kKeys, shard.rows, comm, threads);
      if (values) shard.value_bytes = load_bytes(c, kValues, shard.rows, comm, threads);
      shard.keys = Matrix<T>(0, c.knowledge_dim());
      shard.separate_values = Matrix<T>(0, values ? c.knowledge_dim() : 0);
      return shard;
    }
  }
  if (c.m == 0) {
    shard.keys = Matrix<T>(0, c.knowledge_dim());
    return shard;
  }
  shard.keys = load_rows<T>(c, kKeys, shard.rows, comm, threads);
  if (values) shard.separate_values = load_rows<T>(c, kValues, shard.rows, comm, threads);
  if constexpr (std::is_same_v<T, float>) {
    if (c.exact) comm.together([&] { shard = quantised(c, std::move(shard), threads); });
  }
  return shard;
}

ByteLayout byte_layout(const Case& c) {
  const bool whole = c.projected || c.heads == 0;
  return {c.precision, whole ? 1 : c.kv_heads, whole ? c.d : c.head_dim()};
}

KnowledgeShard<float> quantised(const Case& c, KnowledgeShard<float> shard, const Threads& threads) {
  const auto in_8_bits = [&](Matrix<float>& numbers) {
    ByteMatrix bytes(byte_layout(c), placed<std::uint8_t>(numbers.rows(), byte_layout(c).record_bytes(), threads));
    quantise_rows(numbers.view(), 0, bytes, threads);
    if (!c.exact) numbers = Matrix<float>(0, numbers.cols());
    return bytes;
  };
  shard.key_bytes = in_8_bits(shard.keys);
  if (c.exact) {
    shard.screened = std::make_unique<ScreenCount>();
    return shard;
  }
  if (shard.has_separate_values()) shard.value_bytes = in_8_bits(shard.separate_values);
  return shard;
}

KnowledgeShard<float> dequantised(const KnowledgeShard<float>& shard, const Threads& threads) {
  const auto in_numbers = [&](const StoredRows<float>& rows) {
    Matrix<float> numbers(rows.rows, rows.cols);
    const std::int64_t width = rows.bytes.layout.width;
    threads.parallel_for(threads.count(), [&](std::int64_t part) {
      const RowRange mine = row_range(rows.rows, threads.count(), part);
      for (std::int64_t i = mine.begin; i < mine.end; ++i) {
        for (std::int64_t j = 0; j < rows.cols; j += width) numbers_of_row(rows, i, j, width, numbers.row(i) + j);
      }
    });
    return numbers;
  };
  KnowledgeShard<float> plain;
  plain.rows = shard.rows;
  plain.keys = in_numbers(shard.stored_keys());
  if (shard.has_separate_values()) plain.separate_values = in_numbers(shard.stored_values());
  return plain;
}

template KnowledgeShard<float> load_knowledge(const Case&, const Communicator&, const Threads&);
template KnowledgeShard<double> load_knowledge(const Case&, const Communicator&, const Threads&);
template KnowledgeShard<Bf16> load_knowledge(const Case&, const Communicator&, const Threads&);
template KnowledgeShard<F16> load_knowledge(const Case&, const Communicator&, const Threads&);

}  // namespace knowscale

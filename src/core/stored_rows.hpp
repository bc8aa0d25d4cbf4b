// SPDX-License-Identifier: BSD-3-Clause
// Rows of keys or values as they are stored: numbers of type T, or instead, for T = float, bytes with scales.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/byte_rows.hpp"
#include "core/matrix.hpp"

namespace knowscale {

// A view. Of rows in bytes `rows` and `cols` tell how many numbers there are, which have no address: whoever reads them
// asks in_bytes() first.
template <class T>
struct StoredRows : MatrixView<const T> {
  ByteRows bytes = {};

  StoredRows() = default;
  StoredRows(MatrixView<const T> numbers) : MatrixView<const T>(numbers) {}
  StoredRows(MatrixView<T> numbers) : MatrixView<const T>(numbers) {}
  StoredRows(const ByteRows& stored) requires std::is_same_v<T, float>
      : MatrixView<const T>{nullptr, stored.records.rows, stored.layout.heads* stored.layout.width, 0}, bytes(stored) {}

  bool in_bytes() const { return bytes.layout.heads > 0; }
  // In memory, of rows without gaps.
  std::int64_t stored_bytes() const {
    return in_bytes() ? bytes.records.size() : this->size() * static_cast<std::int64_t>(sizeof(T));
  }
  // Whether they are the same rows, not only equal ones.
  bool are(const StoredRows& other) const {
    return this->data == other.data && bytes.records.data == other.bytes.records.data;
  }

  StoredRows slice_rows(RowRange range) const {
    if (!in_bytes()) return MatrixView<const T>::slice_rows(range);
    if constexpr (std::is_same_v<T, float>) return ByteRows{bytes.layout, bytes.records.slice_rows(range)};
    return {};
  }
};

// Columns [begin, begin + count) of row `row`, which are of one head where rows are bytes, as numbers: where they lie,
// or written to `to`.
template <class T>
const T* numbers_of_row(const StoredRows<T>& rows, std::int64_t row, std::int64_t begin, std::int64_t count, T* to) {
  if (!rows.in_bytes()) return rows.row(row) + begin;
  if constexpr (std::is_same_v<T, float>) {
    const std::int64_t head = begin / rows.bytes.layout.width;
    assert(begin + count <= (head + 1) * rows.bytes.layout.width);
    const float scale = rows.bytes.scale(row, head);
    const std::uint8_t* bytes = rows.bytes.records.row(row) + begin;
    for (std::int64_t j = 0; j < count; ++j) to[j] = scale * decoded(rows.bytes.layout.format, bytes[j]);
  }
  return to;
}

// The same columns of all rows; `copy` takes them where they are bytes.
template <class T>
MatrixView<const T> numbers_of(const StoredRows<T>& rows, std::int64_t begin, std::int64_t count, Matrix<T>& copy) {
  if (!rows.in_bytes()) return rows.slice_cols(begin, count);
  if (copy.rows() < rows.rows || copy.cols() != count) copy = Matrix<T>(rows.rows, count);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < count;) {  // head by head
      const std::int64_t width = rows.bytes.layout.width, of_head = std::min(width - (begin + j) % width, count - j);
      numbers_of_row(rows, i, begin + j, of_head, copy.row(i) + j);
      j += of_head;
    }
  }
  return std::as_const(copy).view().slice_rows({0, rows.rows});
}

}  // namespace knowscale

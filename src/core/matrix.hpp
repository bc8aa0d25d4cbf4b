// SPDX-License-Identifier: BSD-3-Clause
// Row-major matrices: a view that does not own, and an owner aligned for the widest vectors.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <type_traits>

#include "core/partition.hpp"

namespace knowscale {

// rows x cols numbers; row i starts at data + i * stride (in elements).
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;

  T* row(std::int64_t i) const { return data + i * stride; }
  T& operator()(std::int64_t i, std::int64_t j) const { return data[i * stride + j]; }
  std::int64_t size() const { return rows * cols; }
  MatrixView slice_rows(RowRange range) const { return {row(range.begin), range.size(), cols, stride}; }
  MatrixView slice_cols(std::int64_t begin, std::int64_t count) const { return {data + begin, rows, count, stride}; }

  // To a view that only reads.
  template <class Constant>
    requires(std::is_same_v<Constant, const T> && !std::is_const_v<T>)
  operator MatrixView<Constant>() const {
    return {data, rows, cols, stride};
  }
};

inline constexpr std::size_t kAlignment = 64;

// Memory for std::free, aligned to kAlignment bytes; from 4 MiB on in huge pages where the system grants them. Throws
// std::bad_alloc.
void* allocate_aligned(std::size_t bytes);

// Owns rows x cols numbers without padding between rows, 64-byte aligned, not initialised: the thread
// that first writes a page places it.
template <class T>
class Matrix {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Matrix() = default;
  Matrix(std::int64_t rows, std::int64_t cols) : rows_(rows), cols_(cols), data_(allocate(rows * cols)) {}

  MatrixView<T> view() { return {data_.get(), rows_, cols_, cols_}; }
  MatrixView<const T> view() const { return {data_.get(), rows_, cols_, cols_}; }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  T* row(std::int64_t i) { return data_.get() + i * cols_; }
  const T* row(std::int64_t i) const { return data_.get() + i * cols_; }
  T& operator()(std::int64_t i, std::int64_t j) { return data_[i * cols_ + j]; }
  const T& operator()(std::int64_t i, std::int64_t j) const { return data_[i * cols_ + j]; }
  std::int64_t rows() const { return rows_; }
  std::int64_t cols() const { return cols_; }
  std::int64_t size() const { return rows_ * cols_; }
  // Of a matrix that stays: a temporary's numbers would be gone before they are read.
  std::span<T> span() & { return {data_.get(), static_cast<std::size_t>(size())}; }
  std::span<const T> span() const& { return {data_.get(), static_cast<std::size_t>(size())}; }
  std::span<const T> span() const&& = delete;

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  using Owner = std::unique_ptr<T[], Free>;

  static Owner allocate(std::int64_t count) {
    if (count == 0) return nullptr;
    return Owner(static_cast<T*>(allocate_aligned(static_cast<std::size_t>(count) * sizeof(T))));
  }

  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  Owner data_;
};

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// The one way to read a dataset: opening checks all that the file declares of it (kind of object, where its data lie,
// filters, type, rank, extents against the size of the file) before a byte is read or memory asked for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/matrix.hpp"
#include "core/partition.hpp"
#include "problem/h5_types.hpp"

namespace knowscale::h5 {

class Dataset {
 public:
  // `rank`: 1, a column, or 2, a matrix. Throws Error(resource) that names the dataset, what it is and the remedy, for
  // what is no dataset of this content and rank; whose data lie in another file (external storage, virtual datasets;
  // links out of the file are refused by open_object()); that was declared but not written; whose filter is missing
  // here; or that claims more than the file can hold.
  Dataset(hid_t location, const std::string& name, Content content, int rank);

  operator hid_t() const { return id_; }
  const std::string& label() const { return label_; }  // "/sequences/tokens"
  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }  // 1 of a column
  // Of the file, that its numbers or texts take up at least.
  std::uint64_t stored_bytes() const { return stored_bytes_; }
  // In one piece and without filters: ranks may read it collectively, and no rank fails alone.
  bool plain() const { return plain_; }

  // The first out.cols() numbers of these rows, converted to T: f32, f64, and the 16-bit formats by way of f32. Every
  // rank of a collective transfer calls it, also one without rows.
  template <class T>
  void read(RowRange rows, Matrix<T>& out, hid_t transfer = H5P_DEFAULT) const;
  // Rows of a column. Integers beyond 64 bits with sign throw.
  std::vector<double> reals(RowRange rows) const;
  std::vector<std::int64_t> integers(RowRange rows) const;
  std::vector<std::string> texts(RowRange rows) const;
  // Rows of texts to read at a time, so that memory stays small.
  std::int64_t text_block() const;

  [[noreturn]] void refuse(const std::string& why) const;

 private:
  void check_placement(hid_t plist);
  void check_extents(int rank);
  std::uint64_t check_size(hid_t plist);  // how many chunks there must be
  void check_written(hid_t plist, std::uint64_t chunks);
  Id select(RowRange rows, std::int64_t columns) const;
  void transfer(hid_t memory_type, RowRange rows, std::int64_t columns, void* out, hid_t properties) const;
  std::vector<std::string> fixed_texts(RowRange rows) const;
  std::vector<std::string> variable_texts(RowRange rows) const;

  Id id_, type_;
  std::string label_;
  std::vector<hsize_t> extents_;
  std::int64_t rows_ = 0, columns_ = 1;
  std::uint64_t bytes_ = 0, stored_bytes_ = 0;
  bool plain_ = false;
};

}  // namespace knowscale::h5

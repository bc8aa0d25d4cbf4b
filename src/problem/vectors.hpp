// SPDX-License-Identifier: BSD-3-Clause
// Vectors of a knowledge-set file: numbers, or what int8 numbers and their scales stand for.
#pragma once

#include <optional>
#include <string>

#include "problem/h5_dataset.hpp"

namespace knowscale {

// /keys with /key_scales where there are any: count x h, of which each is the factor of dimension / h numbers of its
// row. Likewise /values with /value_scales; other datasets have none.
class Vectors {
 public:
  // Throws Error(resource) as Dataset does, and for scales that do not go with the numbers.
  Vectors(const h5::Id& file, const std::string& dataset);

  std::int64_t rows() const { return numbers_.rows(); }
  std::int64_t columns() const { return numbers_.columns(); }
  bool scaled() const { return scales_.has_value(); }
  // As Dataset's.
  bool plain() const { return numbers_.plain() && (!scales_ || scales_->plain()); }
  template <class T>
  void read(RowRange rows, Matrix<T>& out, hid_t transfer = H5P_DEFAULT) const;
  [[noreturn]] void refuse(const std::string& why) const { numbers_.refuse(why); }

 private:
  h5::Dataset numbers_;
  std::optional<h5::Dataset> scales_;
};

}  // namespace knowscale

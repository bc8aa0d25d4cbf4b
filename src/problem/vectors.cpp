// SPDX-License-Identifier: BSD-3-Clause
#include "problem/vectors.hpp"

#include <fmt/format.h>

#include "core/precision.hpp"

namespace knowscale {
namespace {

std::string scales_of(const std::string& dataset) {
  return dataset == "keys" ? "key_scales" : dataset == "values" ? "value_scales" : "";
}

}  // namespace

Vectors::Vectors(const h5::Id& file, const std::string& dataset) : numbers_(file, dataset, h5::Content::numbers, 2) {
  const std::string name = scales_of(dataset);
  if (name.empty() || !h5::exists(file, name.c_str())) return;
  scales_.emplace(file, name, h5::Content::numbers, 2);
  const std::int64_t each = scales_->columns();
  if (scales_->rows() != rows() || each < 1 || columns() % each != 0) {
    scales_->refuse(
        fmt::format("is {} x {}, beside {} x {} numbers: it is to have as many rows, and columns that divide "
                    "theirs: build the file again",
                    scales_->rows(), each, rows(), columns()));
  }
}

template <class T>
void Vectors::read(RowRange rows, Matrix<T>& out, hid_t transfer) const {
  if (!scales_) return numbers_.read(rows, out, transfer);
  using A = Accumulator<T>;
  Matrix<A> numbers(out.rows(), out.cols()), scales(out.rows(), scales_->columns());
  numbers_.read(rows, numbers, transfer);
  scales_->read(rows, scales, transfer);
  const std::int64_t width = columns() / scales.cols();
  for (std::int64_t i = 0; i < out.rows(); ++i) {
    for (std::int64_t j = 0; j < out.cols(); ++j) out(i, j) = static_cast<T>(numbers(i, j) * scales(i, j / width));
  }
}

template void Vectors::read(RowRange, Matrix<float>&, hid_t) const;
template void Vectors::read(RowRange, Matrix<double>&, hid_t) const;
template void Vectors::read(RowRange, Matrix<Bf16>&, hid_t) const;
template void Vectors::read(RowRange, Matrix<F16>&, hid_t) const;

}  // namespace knowscale

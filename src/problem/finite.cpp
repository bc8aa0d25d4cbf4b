// SPDX-License-Identifier: BSD-3-Clause
#include "problem/finite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/precision.hpp"
#include "problem/vectors.hpp"

namespace knowscale {
namespace {

double number_at(const std::string& path, const char* dataset, std::int64_t row, std::int64_t column) {
  const Vectors data(h5::open_read_only(path), dataset);
  Matrix<double> numbers(1, column + 1);
  data.read({row, row + 1}, numbers);
  return numbers(0, column);
}

}  // namespace

template <class T>
void require_finite(MatrixView<const T> numbers, const std::string& path, const char* dataset, std::int64_t first_row) {
  for (std::int64_t i = 0; i < numbers.rows; ++i) {
    const T* row = numbers.row(i);
    const T* bad = std::find_if(row, row + numbers.cols, [](T x) { return !std::isfinite(static_cast<double>(x)); });
    if (bad == row + numbers.cols) continue;
    const std::int64_t column = bad - row;
    const double stored = number_at(path, dataset, first_row + i, column);
    throw Error(ExitStatus::resource,
                fmt::format("{}: /{} row {} column {} is {}{}", path, dataset, first_row + i, column, stored,
                            std::isfinite(stored)
                                ? fmt::format(", beyond {}: scale the vectors, or use a precision that holds it",
                                              name_of(precision_of<T>))
                                : ": remove or mend that vector"));
  }
}

template <class T>
void check_numbers(const std::string& path, const char* dataset, RowRange rows, std::int64_t columns) {
  constexpr std::int64_t kBlock = std::int64_t{1} << 20;  // numbers
  const Vectors data(h5::open_read_only(path), dataset);
  const std::int64_t step = std::max<std::int64_t>(kBlock / std::max<std::int64_t>(columns, 1), 1);
  for (std::int64_t begin = rows.begin; begin < rows.end; begin += step) {
    const RowRange block = {begin, std::min(begin + step, rows.end)};
    Matrix<T> numbers(block.size(), columns);
    data.read(block, numbers);
    require_finite<T>(std::as_const(numbers).view(), path, dataset, begin);
  }
}

template void require_finite(MatrixView<const float>, const std::string&, const char*, std::int64_t);
template void require_finite(MatrixView<const double>, const std::string&, const char*, std::int64_t);
template void require_finite(MatrixView<const Bf16>, const std::string&, const char*, std::int64_t);
template void require_finite(MatrixView<const F16>, const std::string&, const char*, std::int64_t);
template void check_numbers<float>(const std::string&, const char*, RowRange, std::int64_t);
template void check_numbers<double>(const std::string&, const char*, RowRange, std::int64_t);
template void check_numbers<Bf16>(const std::string&, const char*, RowRange, std::int64_t);
template void check_numbers<F16>(const std::string&, const char*, RowRange, std::int64_t);

}  // namespace knowscale

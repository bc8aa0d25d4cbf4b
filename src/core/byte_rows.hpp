// SPDX-License-Identifier: BSD-3-Clause
// Vectors in 8 bits, quantised symmetrically by their largest component (absmax), a scale for each vector and head:
//
//   int8  x = scale * i,  i in -127 .. 127                     scale = max |x| / 127
//   fp8   x = scale * e,  e in e4m3 (4 bits of exponent, 3 of   scale = max |x| / 448
//                         fraction, no infinities: Micikevicius et al., 2022)
//
// A scale is cut to 16 significant bits, so that scale times byte is a float without rounding, and is at least
// kLeastScale, so that nothing underflows: the dequantised numbers are the same wherever they are made. A row is one
// record, its bytes head by head and then its scales: it is sliced, kept and sent like any row.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "core/matrix.hpp"
#include "core/precision.hpp"

namespace knowscale {

inline constexpr float kLeastScale = 0x1p-80f;

// The number that a byte stands for, without its scale. NaN for the two bytes that fp8 does not use.
float decoded(Precision format, std::uint8_t byte);

// Writes the bytes of `numbers`, which are finite, and returns their scale. Rounds to nearest, ties to even.
float quantise(Precision format, std::span<const float> numbers, std::uint8_t* bytes);

// How far a number may be from what its byte and scale stand for.
double quantisation_radius(Precision format, std::uint8_t byte, float scale);

// How a row is laid out.
struct ByteLayout {
  Precision format = Precision::int8;
  std::int64_t heads = 0;
  std::int64_t width = 0;  // of a head

  std::int64_t record_bytes() const { return heads * (width + static_cast<std::int64_t>(sizeof(float))); }
  bool operator==(const ByteLayout&) const = default;
};

// Rows that lie elsewhere; none, of whatever layout.
struct ByteRows {
  ByteLayout layout;
  MatrixView<const std::uint8_t> records;  // rows x record_bytes()

  const std::uint8_t* bytes(std::int64_t row, std::int64_t head) const {
    return records.row(row) + head * layout.width;
  }
  float scale(std::int64_t row, std::int64_t head) const {
    float scale;
    std::memcpy(&scale, records.row(row) + layout.heads * layout.width + head * static_cast<std::int64_t>(sizeof scale),
                sizeof scale);
    return scale;
  }
};

// Rows of its own.
class ByteMatrix {
 public:
  ByteMatrix() = default;
  // records: rows x record_bytes().
  ByteMatrix(const ByteLayout& layout, Matrix<std::uint8_t> records) : layout_(layout), records_(std::move(records)) {}

  ByteRows view() const { return {layout_, records_.view()}; }
  std::int64_t rows() const { return records_.rows(); }
  // Quantises heads x width numbers into row `row`.
  void set_row(std::int64_t row, const float* numbers);

 private:
  ByteLayout layout_;
  Matrix<std::uint8_t> records_;
};

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Vectors in 8 bits: every byte by its definition, every number by the nearest byte, and numbers chosen to hurt.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/byte_rows.hpp"
#include "core/random.hpp"
#include "core/stored_rows.hpp"

namespace knowscale {
namespace {

constexpr Precision kFormats[] = {Precision::int8, Precision::fp8};

// A byte of e4m3 by its definition, bit by bit.
double e4m3(int byte) {
  const int sign = byte >> 7, exponent = byte >> 3 & 15, fraction = byte & 7;
  const double size = exponent == 0 ? fraction * std::pow(2.0, -9) : (1 + fraction / 8.0) * std::pow(2.0, exponent - 7);
  return sign == 1 ? -size : size;
}

TEST(ByteRows, EveryByteIsWhatItsFormatSays) {
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(decoded(Precision::int8, static_cast<std::uint8_t>(byte)), byte < 128 ? byte : byte - 256);
    const float x = decoded(Precision::fp8, static_cast<std::uint8_t>(byte));
    if ((byte & 127) == 127)
      EXPECT_TRUE(std::isnan(x)) << byte;
    else
      EXPECT_EQ(x, e4m3(byte)) << byte;
  }
}

std::vector<float> normal_numbers(std::size_t count, double factor) {
  std::vector<double> drawn(count);
  fill_normal(3, Draw::keys, 0, drawn);
  std::vector<float> numbers;
  for (const double x : drawn) numbers.push_back(static_cast<float>(factor * x));
  return numbers;
}

// No other byte is nearer than the chosen one by more than the division by the scale rounds.
void expect_nearest(Precision format, const std::vector<float>& numbers) {
  std::vector<std::uint8_t> bytes(numbers.size());
  const float scale = quantise(format, numbers, bytes.data());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double x = numbers[i], own = double{scale} * decoded(format, bytes[i]), off = std::abs(own - x);
    EXPECT_LE(off, quantisation_radius(format, bytes[i], scale)) << name_of(format) << ' ' << x;
    for (int other = 0; other < 256; ++other) {
      const double y = double{scale} * decoded(format, static_cast<std::uint8_t>(other));
      if (format == Precision::int8 && other == 128) continue;  // -128 is not used
      if (!std::isnan(y)) {
        EXPECT_LE(off, std::abs(y - x) * (1 + 1e-6) + 1e-6 * std::abs(x)) << name_of(format) << ' ' << x << ' ' << y;
      }
    }
  }
}

TEST(ByteRows, NumbersBecomeTheNearestBytes) {
  for (const Precision format : kFormats) {
    for (const double factor : {1.0, 1e-20, 3e30}) expect_nearest(format, normal_numbers(200, factor));
    std::vector<float> ties;
    for (int i = -508; i <= 508; ++i) ties.push_back(static_cast<float>(i) / 4);
    expect_nearest(format, ties);
  }
}

TEST(ByteRows, WhatHurts) {
  for (const Precision format : kFormats) {
    SCOPED_TRACE(std::string(name_of(format)));
    std::vector<std::uint8_t> bytes(4);
    const float zero = quantise(format, std::vector<float>{0, -0.0f, 0, 0}, bytes.data());
    EXPECT_EQ(zero, kLeastScale);
    for (const std::uint8_t byte : bytes) EXPECT_EQ(decoded(format, byte), 0);

    // One huge component leaves nothing of the others; the largest float stays finite.
    const float most = std::numeric_limits<float>::max();
    const float large = quantise(format, std::vector<float>{1, most, -most, 0}, bytes.data());
    EXPECT_EQ(decoded(format, bytes[0]), 0);
    EXPECT_NEAR(large * decoded(format, bytes[1]) / most, 1, 1e-4);
    EXPECT_EQ(large * decoded(format, bytes[1]), -large * decoded(format, bytes[2]));
    EXPECT_TRUE(std::isfinite(large * decoded(format, bytes[1])));

    // Where a scale would underflow, numbers round absolutely.
    const float least = quantise(format, std::vector<float>{1e-40f, -3e-36f, 0, 1e-45f}, bytes.data());
    EXPECT_EQ(least, kLeastScale);
    EXPECT_EQ(decoded(format, bytes[3]), 0);
  }
}

// So that kernels, models and the oracle have the same numbers wherever they make them.
TEST(ByteRows, ScaleTimesByteIsExact) {
  for (const Precision format : kFormats) {
    for (const double factor : {1.0, 1e-38, 7e37, 0.3}) {
      std::vector<std::uint8_t> bytes(50);
      const float scale = quantise(format, normal_numbers(50, factor), bytes.data());
      for (int byte = 0; byte < 256; ++byte) {
        const float x = decoded(format, static_cast<std::uint8_t>(byte));
        if (!std::isnan(x)) {
          EXPECT_EQ(double{scale * x}, double{scale} * double{x}) << scale << ' ' << x;
        }
      }
    }
  }
}

// Powers of 2 and signs change scales and signs alone.
TEST(ByteRows, FollowPowersOfTwoAndSigns) {
  for (const Precision format : kFormats) {
    const std::vector<float> numbers = normal_numbers(64, 1);
    std::vector<float> other;
    for (const float x : numbers) other.push_back(-8 * x);
    std::vector<std::uint8_t> bytes(64), moved(64);
    const float scale = quantise(format, numbers, bytes.data());
    EXPECT_EQ(quantise(format, other, moved.data()), 8 * scale);
    for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(decoded(format, moved[i]), -decoded(format, bytes[i]));
  }
}

TEST(ByteRows, ARecordIsTheBytesOfItsHeadsAndTheirScales) {
  const ByteLayout layout = {Precision::int8, 3, 5};
  EXPECT_EQ(layout.record_bytes(), 3 * (5 + 4));
  ByteMatrix matrix(layout, Matrix<std::uint8_t>(4, layout.record_bytes()));
  const std::vector<float> numbers = normal_numbers(60, 2);
  for (std::int64_t i = 0; i < 4; ++i) matrix.set_row(i, numbers.data() + 15 * i);
  const StoredRows<float> rows = matrix.view(), last = rows.slice_rows({2, 4});
  EXPECT_TRUE(rows.in_bytes());
  EXPECT_EQ(rows.rows, 4);
  EXPECT_EQ(rows.cols, 15);
  EXPECT_EQ(last.rows, 2);
  Matrix<float> copy, whole;
  const MatrixView<const float> head = numbers_of(last, 5, 5, copy), all = numbers_of(last, 0, 15, whole);
  for (std::int64_t i = 0; i < 2; ++i) {
    for (std::int64_t j = 0; j < 5; ++j) {
      const float expected = rows.bytes.scale(2 + i, 1) * decoded(Precision::int8, rows.bytes.bytes(2 + i, 1)[j]);
      EXPECT_EQ(head(i, j), expected);
      EXPECT_EQ(all(i, 5 + j), expected);
      EXPECT_NEAR(expected, numbers[static_cast<std::size_t>(15 * (2 + i) + 5 + j)], rows.bytes.scale(2 + i, 1) * 0.51);
    }
  }
}

}  // namespace
}  // namespace knowscale

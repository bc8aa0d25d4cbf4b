// SPDX-License-Identifier: BSD-3-Clause
#include "core/byte_rows.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace knowscale {
namespace {

constexpr float kLargestInt8 = 127, kLargestFp8 = 448;
constexpr std::uint8_t kSign = 0x80, kNan = 0x7f;

float largest(Precision format) { return format == Precision::int8 ? kLargestInt8 : kLargestFp8; }

// The next number towards 0 of 16 significant bits.
float cut(float x) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & 0xffffff00u); }

std::uint8_t to_int8(float x) {
  return static_cast<std::uint8_t>(
      static_cast<std::int8_t>(std::nearbyint(std::clamp(x, -kLargestInt8, kLargestInt8))));
}

std::uint8_t to_fp8(float x) {
  const std::uint8_t sign = std::signbit(x) ? kSign : 0;
  const float size = std::min(std::abs(x), kLargestFp8);
  // Numbers are multiples of this: of 2^-9 below the smallest normal one, 2^-6.
  const int exponent = size < 0x1p-6f ? -6 : std::ilogb(size);
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(size, 3 - exponent)));  // 8 .. 16 of normal numbers
  return static_cast<std::uint8_t>(sign | ((exponent + 6) * 8 + steps));                // a carry is the next exponent
}

}  // namespace

float decoded(Precision format, std::uint8_t byte) {
  if (format == Precision::int8) return static_cast<float>(static_cast<std::int8_t>(byte));
  const int rest = byte & kNan;
  if (rest == kNan) return std::numeric_limits<float>::quiet_NaN();
  const float size =
      rest < 8 ? std::ldexp(static_cast<float>(rest), -9) : std::ldexp(static_cast<float>(8 + rest % 8), rest / 8 - 10);
  return (byte & kSign) != 0 ? -size : size;
}

float quantise(Precision format, std::span<const float> numbers, std::uint8_t* bytes) {
  float most = 0;
  for (const float x : numbers) most = std::max(most, std::abs(x));
  const float scale = std::max(cut(most / largest(format)), kLeastScale);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    bytes[i] = format == Precision::int8 ? to_int8(numbers[i] / scale) : to_fp8(numbers[i] / scale);
  }
  return scale;
}

double quantisation_radius(Precision format, std::uint8_t byte, float scale) {
  constexpr double kRounded = 1 + 0x1p-20;  // the division by the scale is
  if (format == Precision::int8) return 0.5 * kRounded * double{scale};
  const double size = std::abs(double{decoded(format, byte)});
  return std::max(size * 0x1p-4, 0x1p-10) * kRounded * double{scale};
}

void ByteMatrix::set_row(std::int64_t row, const float* numbers) {
  std::uint8_t* record = records_.row(row);
  for (std::int64_t head = 0; head < layout_.heads; ++head) {
    const float scale =
        quantise(layout_.format, {numbers + head * layout_.width, static_cast<std::size_t>(layout_.width)},
                 record + head * layout_.width);
    std::memcpy(record + layout_.heads * layout_.width + head * static_cast<std::int64_t>(sizeof scale), &scale,
                sizeof scale);
  }
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// The two 16-bit storage formats. They hold numbers and convert; arithmetic is done in float.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace knowscale {

// bfloat16: the upper half of a float. Rounds to nearest, ties to even; NaN stays NaN.
struct Bf16 {
  std::uint16_t bits = 0;

  Bf16() = default;
  explicit Bf16(float x) {
    const auto word = std::bit_cast<std::uint32_t>(x);
    bits = static_cast<std::uint16_t>(std::isnan(x) ? word >> 16 | 0x40 : (word + 0x7fff + (word >> 16 & 1)) >> 16);
  }
  explicit Bf16(double x) : Bf16(static_cast<float>(x)) {}
  operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};

// IEEE 754 binary16: 10 bits of fraction, exponents -14 to 15. Rounds to nearest, ties to even; above 65504 it holds
// infinity.
struct F16 {
  std::uint16_t bits = 0;

  F16() = default;
  explicit F16(float x) {
    const auto word = std::bit_cast<std::uint32_t>(x);
    const auto sign = static_cast<std::uint16_t>(word >> 16 & 0x8000);
    const float size = std::abs(x);
    if (std::isnan(x)) {
      bits = static_cast<std::uint16_t>(sign | 0x7e00);
    } else if (size >= 65520.0f) {
      bits = static_cast<std::uint16_t>(sign | 0x7c00);
    } else if (size < 0x1p-14f) {  // subnormal: a multiple of 2^-24, rounded by adding to a float of that ulp
      bits = static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(size + 0.5f) - 0x3f000000u));
    } else {
      const std::uint32_t rebiased = std::bit_cast<std::uint32_t>(size) - (112u << 23);
      bits = static_cast<std::uint16_t>(sign | (rebiased + 0xfff + (rebiased >> 13 & 1)) >> 13);
    }
  }
  explicit F16(double x) : F16(static_cast<float>(x)) {}
  operator float() const {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16, rest = bits & 0x7fffu;
    if (rest >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000u | rest << 13);
    const float size =
        rest < 0x400 ? static_cast<float>(rest) * 0x1p-24f : std::bit_cast<float>((rest << 13) + (112u << 23));
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(size) | sign);
  }
};

}  // namespace knowscale

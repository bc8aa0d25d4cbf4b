// SPDX-License-Identifier: BSD-3-Clause
// Number formats of a case: how queries, keys and values are stored, and in what sums are kept.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <string_view>
#include <type_traits>

#include "core/half.hpp"

namespace knowscale {

// int8 and fp8 are formats of the knowledge alone, bytes with scales (core/byte_rows.hpp): tokens are f32 beside it.
enum class Precision { f32, f64, bf16, f16, int8, fp8 };

inline constexpr std::array kPrecisions = {Precision::f32, Precision::f64,  Precision::bf16,
                                           Precision::f16, Precision::int8, Precision::fp8};
// Those whose numbers stand for themselves: each is a type.
inline constexpr std::array kUnscaled = {Precision::f32, Precision::f64, Precision::bf16, Precision::f16};

constexpr std::string_view name_of(Precision precision) {
  constexpr std::array<std::string_view, kPrecisions.size()> names = {"f32", "f64", "bf16", "f16", "int8", "fp8"};
  return names[static_cast<std::size_t>(precision)];
}

// Whether knowledge is bytes with scales.
constexpr bool in_bytes(Precision precision) { return precision == Precision::int8 || precision == Precision::fp8; }

// How tokens are stored, and all that a model makes of knowledge and tokens before it computes.
constexpr Precision unscaled(Precision precision) { return in_bytes(precision) ? Precision::f32 : precision; }

// Of a stored number.
constexpr std::size_t bytes_of(Precision precision) {
  return precision == Precision::f64 ? 8 : precision == Precision::f32 ? 4 : in_bytes(precision) ? 1 : 2;
}

// In what scores, sums and results of stored numbers of type T are computed.
template <class T>
using Accumulator = std::conditional_t<std::is_same_v<T, double>, double, float>;

// Unit roundoff u of the accumulator: half the distance from 1 to the next number.
constexpr double unit_roundoff(Precision precision) {
  return 0.5 * (precision == Precision::f64 ? std::numeric_limits<double>::epsilon()
                                            : double{std::numeric_limits<float>::epsilon()});
}

// Relative error that a kernel may make in a softmax weight beyond the accumulator's: for bf16, weights are rounded to
// bf16 (2^-9) before they multiply values, and their exponential may be as coarse (2^-13).
constexpr double weight_roundoff(Precision precision) { return precision == Precision::bf16 ? 0x1p-9 + 0x1p-13 : 0; }

// Products below this are rounded as if they were as large as this: the smallest normal number where results underflow
// gradually; for bf16, whose products in pairs flush to zero what is below that, as much larger as makes up for it; for
// 8 bits, where weights are multiplied by scales before values of up to 2^31 are.
constexpr double least_magnitude(Precision precision) {
  if (precision == Precision::f64) return std::numeric_limits<double>::min();
  if (in_bytes(precision)) return 0x1p-95;
  return precision == Precision::bf16 ? 0x1p-102 : double{std::numeric_limits<float>::min()};
}

// Kernels need not tell weights below this from it, beside a largest weight of 1.
constexpr double least_weight(Precision precision) { return precision == Precision::f64 ? 0x1p-1020 : 0x1p-124; }

// call(T{}) for the type T that stores numbers of this precision, where it is unscaled().
template <class Call>
auto with_type_of(Precision precision, const Call& call) {
  switch (precision) {
    case Precision::f64: return call(double{});
    case Precision::bf16: return call(Bf16());
    case Precision::f16: return call(F16());
    default: return call(float{});
  }
}

template <class T>
inline constexpr Precision precision_of = std::is_same_v<T, float>    ? Precision::f32
                                          : std::is_same_v<T, double> ? Precision::f64
                                          : std::is_same_v<T, Bf16>   ? Precision::bf16
                                                                      : Precision::f16;

}  // namespace knowscale

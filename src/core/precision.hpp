// SPDX-License-Identifier: BSD-3-Clause
// Number formats of a case: storage and accumulation are the same for f32 and f64.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <string_view>

namespace knowscale {

enum class Precision { f32, f64 };

inline constexpr std::array<Precision, 2> kPrecisions = {Precision::f32, Precision::f64};

constexpr std::string_view name_of(Precision precision) { return precision == Precision::f32 ? "f32" : "f64"; }
constexpr std::size_t bytes_of(Precision precision) { return precision == Precision::f32 ? 4 : 8; }

// Unit roundoff u: half the distance from 1 to the next number.
constexpr double unit_roundoff(Precision precision) {
  return 0.5 *
         (precision == Precision::f32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon());
}

template <class T>
inline constexpr Precision precision_of = sizeof(T) == 4 ? Precision::f32 : Precision::f64;

}  // namespace knowscale

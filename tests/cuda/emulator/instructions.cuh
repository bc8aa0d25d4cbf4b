// SPDX-License-Identifier: BSD-3-Clause
// What kernels/cuda/runtime/device/instructions.cuh has, on the host: every instruction of a warp is done lane by lane
// from what the PTX ISA says of which lane holds what.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/half.hpp"
#include "emulator.hpp"

namespace knowscale::cuda {

inline unsigned char* shared_memory() { return emulator::shared_memory(); }
inline void sync_block() { emulator::sync_block(); }
inline void sync_warp() { emulator::exchange(0, "sync_warp"); }

template <class N>
N shuffle_xor(N value, int mask) {
  return emulator::exchange(value, "shuffle_xor")[static_cast<std::size_t>(emulator::lane() ^ mask)];
}
template <class N>
N shuffle(N value, int lane) {
  return emulator::exchange(value, "shuffle")[static_cast<std::size_t>(lane)];
}

inline void copy_async(void* shared, const void* global, bool valid) { emulator::copy_async(shared, global, valid); }
inline void commit_copies() { emulator::commit_copies(); }
template <int Groups>
void wait_for_copies() {
  emulator::wait_for_copies(Groups);
}

namespace lanes {

inline std::uint16_t half_at(const void* row, int i) {
  std::uint16_t bits;
  std::memcpy(&bits, static_cast<const unsigned char*>(row) + 2 * i, 2);
  return bits;
}

// The number (row, column) of an operand whose registers hold pairs of 16-bit numbers.
template <class T>
float half_of(std::uint32_t word, int upper) {
  T x;
  x.bits = static_cast<std::uint16_t>(upper == 0 ? word : word >> 16);
  return static_cast<float>(x);
}

struct Operands {
  std::uint32_t a[4], b[2];
};

// sum += a b for the numbers that this lane holds, given a(row, k) and b(k, column).
template <class A, class B>
void multiply(float (&sum)[4], int inner, const A& a, const B& b) {
  const int g = emulator::lane() / 4, t = emulator::lane() % 4;
  for (int i = 0; i < 4; ++i) {
    const int row = g + 8 * (i / 2), column = 2 * t + i % 2;
    double total = static_cast<double>(sum[i]);
    for (int k = 0; k < inner; ++k) total += static_cast<double>(a(row, k)) * static_cast<double>(b(k, column));
    sum[i] = static_cast<float>(total);
  }
}

template <class T>
void multiply_halves(float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  const auto all = emulator::exchange(Operands{{a[0], a[1], a[2], a[3]}, {b0, b1}}, "multiply_add");
  multiply(
      sum, 16,
      [&](int row, int k) {
        const Operands& from = all[static_cast<std::size_t>(row % 8 * 4 + k % 8 / 2)];
        return half_of<T>(from.a[row / 8 + 2 * (k / 8)], k % 2);
      },
      [&](int k, int column) {
        return half_of<T>(all[static_cast<std::size_t>(column * 4 + k % 8 / 2)].b[k / 8], k % 2);
      });
}

inline void load(std::uint32_t (&to)[4], const void* row, bool transposed) {
  const auto rows = emulator::exchange(row, transposed ? "load_matrices_transposed" : "load_matrices");
  std::array<std::uintptr_t, emulator::kLanes> addresses;
  for (std::size_t l = 0; l < rows.size(); ++l) addresses[l] = reinterpret_cast<std::uintptr_t>(rows[l]);
  emulator::count_bank_conflicts(addresses);
  const int g = emulator::lane() / 4, t = emulator::lane() % 4;
  for (int matrix = 0; matrix < 4; ++matrix) {
    std::uint32_t pair = 0;
    for (int i = 0; i < 2; ++i) {
      const int r = transposed ? 2 * t + i : g, c = transposed ? g : 2 * t + i;
      pair |= std::uint32_t{half_at(rows[static_cast<std::size_t>(8 * matrix + r)], c)} << 16 * i;
    }
    to[matrix] = pair;
  }
}

}  // namespace lanes

inline void load_matrices(std::uint32_t (&to)[4], const void* row) { lanes::load(to, row, false); }
inline void load_matrices_transposed(std::uint32_t (&to)[4], const void* row) { lanes::load(to, row, true); }

inline void multiply_add(Bf16, float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  lanes::multiply_halves<Bf16>(sum, a, b0, b1);
}
inline void multiply_add(F16, float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  lanes::multiply_halves<F16>(sum, a, b0, b1);
}
inline void multiply_add_tf32(float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  const auto all = emulator::exchange(lanes::Operands{{a[0], a[1], a[2], a[3]}, {b0, b1}}, "multiply_add_tf32");
  const auto number = [](std::uint32_t bits) { return std::bit_cast<float>(bits & ~std::uint32_t{0x1fff}); };
  lanes::multiply(
      sum, 8,
      [&](int row, int k) { return number(all[static_cast<std::size_t>(row % 8 * 4 + k % 4)].a[row / 8 + 2 * (k / 4)]); },
      [&](int k, int column) { return number(all[static_cast<std::size_t>(column * 4 + k % 4)].b[k / 4]); });
}

inline std::uint32_t to_tf32(float x) { return (std::bit_cast<std::uint32_t>(x) + 0x1000) & ~std::uint32_t{0x1fff}; }

inline float as_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }

template <class T>
std::uint32_t pack(T, float low, float high) {
  return std::uint32_t{T(low).bits} | std::uint32_t{T(high).bits} << 16;
}

inline float to_float(float x) { return x; }
inline float to_float(Bf16 x) { return x; }
inline float to_float(F16 x) { return x; }

inline float exp2_approximate(float x) { return x < -126.0f ? 0.0f : std::exp2(x); }

inline float fused_multiply_add(float a, float b, float c) { return std::fma(a, b, c); }
inline double fused_multiply_add(double a, double b, double c) { return std::fma(a, b, c); }
inline double rounded_product(double a, double b) { return a * b; }

inline unsigned ballot(bool condition) {
  const auto all = emulator::exchange(condition, "ballot");
  unsigned bits = 0;
  for (std::size_t l = 0; l < all.size(); ++l) bits |= unsigned{all[l]} << l;
  return bits;
}
inline int count_ones(unsigned bits) { return std::popcount(bits); }

}  // namespace knowscale::cuda

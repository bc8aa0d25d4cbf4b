// SPDX-License-Identifier: BSD-3-Clause
// The instructions that kernels use beyond plain C++, for devices of compute capability 8.0 and up (PTX ISA: mma,
// ldmatrix, cp.async). A test build takes another file of this name, which does the same on the host, lane by lane.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/half.hpp"

namespace knowscale::cuda {

inline constexpr unsigned kWholeWarp = 0xffffffffu;

// The block's dynamic shared memory.
__device__ __forceinline__ unsigned char* shared_memory() {
  extern __shared__ __align__(128) unsigned char bytes[];
  return bytes;
}

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ __forceinline__ void sync_block() { __syncthreads(); }
__device__ __forceinline__ void sync_warp() { __syncwarp(); }

template <class N>
__device__ __forceinline__ N shuffle_xor(N value, int mask) {
  return __shfl_xor_sync(kWholeWarp, value, mask);
}
// `value` of lane `lane`.
template <class N>
__device__ __forceinline__ N shuffle(N value, int lane) {
  return __shfl_sync(kWholeWarp, value, lane);
}

// Starts copying 16 bytes to shared memory; zeros where not `valid`, and `global` is not read then. Both are aligned to
// 16 bytes.
__device__ __forceinline__ void copy_async(void* shared, const void* global, bool valid) {
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(bytes)
               : "memory");
}
// Makes a group of the copies that this thread has started since the last group.
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most `Groups` of this thread's groups, the youngest, are still under way.
template <int Groups>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Groups) : "memory");
}

// Four 8 x 8 matrices of 16-bit numbers: lane l names row l % 8 of matrix l / 8, and gets of each matrix the numbers
// (l / 4, 2 (l % 4)) and (l / 4, 2 (l % 4) + 1), the first in the lower half.
__device__ __forceinline__ void load_matrices(std::uint32_t (&to)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row))
               : "memory");
}
// The same of the transposed matrices.
__device__ __forceinline__ void load_matrices_transposed(std::uint32_t (&to)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row))
               : "memory");
}

// sum (16 x 8) += a (16 x 16) b (16 x 8), sums in f32. With g = lane / 4 and t = lane % 4 a lane holds
//   a[0..3]: (g, 2t..), (g + 8, 2t..), (g, 2t + 8..), (g + 8, 2t + 8..), pairs of columns;
//   b[0..1]: (2t.., g), (2t + 8.., g), pairs of rows;   sum: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1).
__device__ __forceinline__ void multiply_add(Bf16, float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                             std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void multiply_add(F16, float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                             std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
// sum (16 x 8) += a (16 x 8) b (8 x 8) of tf32 numbers: a[0..3]: (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4);
// b0, b1: (t, g), (t + 4, g); sum as above.
__device__ __forceinline__ void multiply_add_tf32(float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                                  std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// The nearest number of 11 significant bits, ties away from zero.
__device__ __forceinline__ std::uint32_t to_tf32(float x) {
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

__device__ __forceinline__ float as_float(std::uint32_t bits) {
  float x;
  asm("mov.b32 %0, %1;" : "=f"(x) : "r"(bits));
  return x;
}

// Two numbers rounded to nearest even, `low` in the lower half.
__device__ __forceinline__ std::uint32_t pack(Bf16, float low, float high) {
  std::uint32_t bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}
__device__ __forceinline__ std::uint32_t pack(F16, float low, float high) {
  std::uint32_t bits;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(Bf16 x) { return as_float(std::uint32_t{x.bits} << 16); }
__device__ __forceinline__ float to_float(F16 x) {
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(x.bits));
  return wide;
}

// 2^x within 2 units of roundoff; 0 for -inf, and below 2^-126.
__device__ __forceinline__ float exp2_approximate(float x) {
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
}

// a b + c, rounded once.
__device__ __forceinline__ float fused_multiply_add(float a, float b, float c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ double fused_multiply_add(double a, double b, double c) { return __fma_rn(a, b, c); }
// a b, rounded: a compiler may not fuse it with what is added to it.
__device__ __forceinline__ double rounded_product(double a, double b) { return __dmul_rn(a, b); }

// Bit l: whether `condition` holds in lane l.
__device__ __forceinline__ unsigned ballot(bool condition) { return __ballot_sync(kWholeWarp, condition); }
__device__ __forceinline__ int count_ones(unsigned bits) { return __popc(bits); }

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// The instruction set that code here is compiled for: Highway's target, and whether that has products of pairs of bf16
// (AVX-512 BF16). Highway has targets with them from 1.1 on; Debian 12 ships 1.0.3, where they are added to its AVX3:
// the compiler makes such an instruction of its intrinsic alone, so that all code of the target can be compiled with
// them, and run where they are missing as long as nobody calls it. Included again for every target.
// NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_TARGET_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_TARGET_INL
#undef KNOWSCALE_KERNELS_SIMD_TARGET_INL
#else
#define KNOWSCALE_KERNELS_SIMD_TARGET_INL
#endif

#include <hwy/highway.h>

#undef KNOWSCALE_HAVE_DOT_OF_PAIRS
#undef KNOWSCALE_BEFORE_NAMESPACE
#undef KNOWSCALE_ATTR
#undef KNOWSCALE_INLINE_ATTR

#if defined(HWY_NATIVE_DOT_BF16)  // Highway knows of them
#define KNOWSCALE_HAVE_DOT_OF_PAIRS (HWY_ARCH_X86 && HWY_NATIVE_DOT_BF16)
#define KNOWSCALE_ATTR HWY_ATTR
#define KNOWSCALE_BEFORE_NAMESPACE() HWY_BEFORE_NAMESPACE()
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
#include <immintrin.h>
#define KNOWSCALE_HAVE_DOT_OF_PAIRS 1
#define KNOWSCALE_ATTR __attribute__((target(HWY_TARGET_STR ",avx512bf16")))
#if HWY_COMPILER_CLANG
#define KNOWSCALE_BEFORE_NAMESPACE() HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16") static_assert(true, "")
#else
#define KNOWSCALE_BEFORE_NAMESPACE() \
  HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR) HWY_PRAGMA(GCC target "avx512bf16") static_assert(true, "")
#endif
#else
#define KNOWSCALE_HAVE_DOT_OF_PAIRS 0
#define KNOWSCALE_ATTR HWY_ATTR
#define KNOWSCALE_BEFORE_NAMESPACE() HWY_BEFORE_NAMESPACE()
#endif

// Of a lambda that holds an inner loop, or is called from one: what it captures stays in registers.
#define KNOWSCALE_INLINE_ATTR KNOWSCALE_ATTR __attribute__((always_inline))

#endif  // KNOWSCALE_KERNELS_SIMD_TARGET_INL

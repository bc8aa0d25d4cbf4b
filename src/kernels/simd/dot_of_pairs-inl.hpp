// SPDX-License-Identifier: BSD-3-Clause
// Products of pairs of bf16 with sums in f32 (AVX-512 BF16). Highway has them from 1.1 on; Debian 12 ships 1.0.3, with
// neither the operation nor a target that has it. An assembler statement needs no target, so that Highway's AVX3 code
// can use it on a CPU that is found to have it. Included again for every target.
// NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_DOT_OF_PAIRS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_DOT_OF_PAIRS_INL
#undef KNOWSCALE_KERNELS_SIMD_DOT_OF_PAIRS_INL
#else
#define KNOWSCALE_KERNELS_SIMD_DOT_OF_PAIRS_INL
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

#include "core/half.hpp"
#include "kernels/simd/outer_product-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#undef KNOWSCALE_HAVE_DOT_OF_PAIRS
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
#define KNOWSCALE_HAVE_DOT_OF_PAIRS 1
#else
#define KNOWSCALE_HAVE_DOT_OF_PAIRS 0
#endif

#if KNOWSCALE_HAVE_DOT_OF_PAIRS
// c[i] += a[2 i] b[2 i] + a[2 i + 1] b[2 i + 1]. The instruction flushes subnormal numbers to zero.
struct DotOfPairs {
  using A = Bf16;           // the first of a pair
  using B = std::uint32_t;  // a pair
  using D = hn::ScalableTag<float>;
  using V = hn::Vec<D>;
  static HWY_INLINE V zero() { return hn::Zero(D()); }
  static HWY_INLINE V broadcast(const A* a) {
    float pair;
    std::memcpy(&pair, a, sizeof(pair));
    return hn::Set(D(), pair);
  }
  static HWY_INLINE V load(const B* b, std::size_t v) {
    return hn::LoadU(D(), reinterpret_cast<const float*>(b) + v * hn::Lanes(D()));
  }
  static HWY_INLINE V multiply_add(V a, V b, V c) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(c.raw) : "v"(b.raw), "v"(a.raw));
    return c;
  }
};
#endif

// Writes the weights of keys k and k + 1 as pairs of bf16, rounded to nearest.
template <int kVectors>
struct StorePairs {
  using D = hn::ScalableTag<float>;
  static constexpr int kRows = 2;
  float* weights;
  template <class V>
  HWY_INLINE void operator()(std::int64_t row, int v, V even, V odd) const {
    const hn::RebindToUnsigned<D> du;
    const auto half = hn::Set(du, 0x8000u), upper = hn::Set(du, 0xffff0000u);
    const auto low = hn::ShiftRight<16>(hn::Add(hn::BitCast(du, even), half));
    const auto high = hn::And(hn::Add(hn::BitCast(du, odd), half), upper);
    hn::StoreU(hn::BitCast(D(), hn::Or(low, high)), D(),
               weights + (row / 2 * kVectors + v) * static_cast<std::int64_t>(hn::Lanes(D())));
  }
};

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_SIMD_DOT_OF_PAIRS_INL

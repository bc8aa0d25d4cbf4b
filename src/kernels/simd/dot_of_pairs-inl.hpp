// SPDX-License-Identifier: BSD-3-Clause
// Products of pairs of bf16 with sums in f32, and weights packed for them. Included again for every target.
// NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_DOT_OF_PAIRS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_DOT_OF_PAIRS_INL
#undef KNOWSCALE_KERNELS_SIMD_DOT_OF_PAIRS_INL
#else
#define KNOWSCALE_KERNELS_SIMD_DOT_OF_PAIRS_INL
#endif

#include <cstdint>
#include <cstring>

#include "core/half.hpp"
#include "kernels/simd/outer_product-inl.hpp"
#include "kernels/simd/target-inl.hpp"

#if KNOWSCALE_HAVE_DOT_OF_PAIRS  // around all: clang warns of pushed attributes that nothing takes
KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// c[i] += a[2 i] b[2 i] + a[2 i + 1] b[2 i + 1]. The instruction flushes subnormal numbers to zero.
struct DotOfPairs {
  using A = Bf16;           // the first of a pair
  using B = std::uint32_t;  // a pair
  using D = hn::ScalableTag<float>;
  using V = hn::Vec<D>;
  static HWY_INLINE V broadcast(const A* a) {
    float pair;
    std::memcpy(&pair, a, sizeof(pair));
    return hn::Set(D(), pair);
  }
  static HWY_INLINE V load(const B* b, std::size_t v) {
    return hn::LoadU(D(), reinterpret_cast<const float*>(b) + v * hn::Lanes(D()));
  }
  static HWY_INLINE void multiply_add(V a, V b, V& c) {
#if defined(HWY_NATIVE_DOT_BF16)
    const hn::Repartition<hwy::bfloat16_t, D> pairs;
    V none = c;  // where the operation is no instruction it keeps a second sum here
    c = hn::ReorderWidenMulAccumulate(D(), hn::BitCast(pairs, b), hn::BitCast(pairs, a), c, none);
#else
    c.raw = _mm512_dpbf16_ps(c.raw, reinterpret_cast<__m512bh>(b.raw), reinterpret_cast<__m512bh>(a.raw));
#endif
  }
};

// Writes the weights of keys k and k + 1 as pairs of bf16, rounded to nearest, and adds them, as rounded, to a sum.
template <int kVectors>
struct StorePairs {
  using D = DotOfPairs::D;
  using V = DotOfPairs::V;
  static constexpr int kRows = 2;
  float* weights;
  HWY_INLINE void operator()(std::int64_t row, int v, V& sum, V even, V odd) const {
    const hn::RebindToUnsigned<D> du;
    const auto half = hn::Set(du, 0x8000u), upper = hn::Set(du, 0xffff0000u), ones = hn::Set(du, 0x3f803f80u);
    const auto low = hn::ShiftRight<16>(hn::Add(hn::BitCast(du, even), half));
    const auto pairs = hn::BitCast(D(), hn::OrAnd(low, hn::Add(hn::BitCast(du, odd), half), upper));
    hn::StoreU(pairs, D(), weights + (row / 2 * kVectors + v) * static_cast<std::int64_t>(hn::Lanes(D())));
    DotOfPairs::multiply_add(pairs, hn::BitCast(D(), ones), sum);
  }
};

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // KNOWSCALE_HAVE_DOT_OF_PAIRS

#endif  // KNOWSCALE_KERNELS_SIMD_DOT_OF_PAIRS_INL

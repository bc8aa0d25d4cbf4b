// SPDX-License-Identifier: BSD-3-Clause
// How the products of few queries take their numbers: as they are, from bf16 or from bytes, widened in registers; and
// how vectors of partial sums fold to scores. Included again for every target.
// NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_FEW_NUMBERS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_FEW_NUMBERS_INL
#undef KNOWSCALE_KERNELS_SIMD_FEW_NUMBERS_INL
#else
#define KNOWSCALE_KERNELS_SIMD_FEW_NUMBERS_INL
#endif

#include <cstdint>

#include "core/precision.hpp"
#include "kernels/simd/outer_product-inl.hpp"
#include "kernels/simd/target-inl.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Even (first) and odd columns of words of two bf16, as f32.
template <class DU>
HWY_INLINE hn::Vec<hn::ScalableTag<float>> even_columns(DU, hn::Vec<DU> words) {
  return hn::BitCast(hn::ScalableTag<float>(), hn::ShiftLeft<16>(words));
}
template <class DU>
HWY_INLINE hn::Vec<hn::ScalableTag<float>> odd_columns(DU du, hn::Vec<DU> words) {
  return hn::BitCast(hn::ScalableTag<float>(), hn::And(words, hn::Set(du, 0xffff0000u)));
}

// Blocks of 2 kBlock columns of bf16 against f32 queries: a step of a query is a vector of even and one of odd columns.
template <int kBlock>
struct BroadcastBlockOfBf16 {
  using A = Bf16;
  using B = float;
  using D = hn::ScalableTag<float>;
  using DU = hn::ScalableTag<std::uint32_t>;
  using V = hn::Vec<D>;
  static HWY_INLINE hn::Vec<DU> broadcast(const A* a) { return repeat_bytes<4 * kBlock, std::uint32_t>(a); }
  static HWY_INLINE const B* load(const B* b, std::size_t v) { return b + 2 * v * hn::Lanes(D()); }
  static HWY_INLINE void multiply_add(hn::Vec<DU> a, const B* b, V& c) {
    c = hn::MulAdd(even_columns(DU(), a), hn::LoadU(D(), b), c);
    c = hn::MulAdd(odd_columns(DU(), a), hn::LoadU(D(), b + hn::Lanes(D())), c);
  }
};

// Weights against rows of values of bf16: vector 2 i holds the even columns of the i-th vector of words, 2 i + 1 the
// odd ones.
struct BroadcastOnBf16 : Broadcast<float> {
  using B = Bf16;
  using DU = hn::ScalableTag<std::uint32_t>;
  static HWY_INLINE V load(const B* b, std::size_t v) {
    const hn::Repartition<std::uint16_t, DU> d16;
    const auto* words = reinterpret_cast<const std::uint16_t*>(b) + v / 2 * hn::Lanes(d16);
    const auto both = hn::BitCast(DU(), hn::LoadU(d16, words));
    return v % 2 == 0 ? even_columns(DU(), both) : odd_columns(DU(), both);
  }
};

// Column 0, 1, 2 or 3 of words of four bytes as f32, but for scale_of_words().
template <Precision kFormat, int kByte, class DU>
HWY_INLINE hn::Vec<hn::ScalableTag<float>> byte_columns(DU du, hn::Vec<DU> words) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<DU> di;
  auto upper = words;
  if constexpr (kByte < 3) upper = hn::ShiftLeft<24 - 8 * kByte>(words);
  if constexpr (kFormat == Precision::int8) {
    if constexpr (kByte > 0) upper = hn::And(upper, hn::Set(du, 0xff000000u));
    return hn::ConvertTo(d, hn::BitCast(di, upper));
  } else {  // e4m3 are bits of an f32 whose exponent is 120 more
    const auto bits = hn::BitCast(du, hn::ShiftRight<4>(hn::BitCast(di, upper)));
    return hn::Mul(hn::BitCast(d, hn::And(bits, hn::Set(du, 0x87f00000u))), hn::Set(d, 0x1p120f));
  }
}

// Blocks of 4 kBlock columns of bytes against f32 queries: a step of a query is four vectors.
template <Precision kFormat, int kBlock>
struct BroadcastBlockOfBytes {
  using A = std::uint8_t;
  using B = float;
  using D = hn::ScalableTag<float>;
  using DU = hn::ScalableTag<std::uint32_t>;
  using V = hn::Vec<D>;
  static HWY_INLINE hn::Vec<DU> broadcast(const A* a) { return repeat_bytes<4 * kBlock, std::uint32_t>(a); }
  static HWY_INLINE const B* load(const B* b, std::size_t v) { return b + 4 * v * hn::Lanes(D()); }
  static HWY_INLINE void multiply_add(hn::Vec<DU> a, const B* b, V& c) {
    const std::size_t lanes = hn::Lanes(D());
    c = hn::MulAdd(byte_columns<kFormat, 0>(DU(), a), hn::LoadU(D(), b), c);
    c = hn::MulAdd(byte_columns<kFormat, 1>(DU(), a), hn::LoadU(D(), b + lanes), c);
    c = hn::MulAdd(byte_columns<kFormat, 2>(DU(), a), hn::LoadU(D(), b + 2 * lanes), c);
    c = hn::MulAdd(byte_columns<kFormat, 3>(DU(), a), hn::LoadU(D(), b + 3 * lanes), c);
  }
};

// Weights against rows of values of bytes: vector 4 i + j holds column kFirst + j of the i-th vector of words.
template <Precision kFormat, int kFirst>
struct BroadcastOnBytes : Broadcast<float> {
  static constexpr bool kConverts = true;
  using B = std::uint8_t;
  using DU = hn::ScalableTag<std::uint32_t>;
  static HWY_INLINE V load(const B* b, std::size_t v) {
    const hn::Repartition<std::uint8_t, DU> d8;
    const auto words = hn::BitCast(DU(), hn::LoadU(d8, b + v / 4 * hn::Lanes(d8)));
    switch (kFirst + v % 4) {
      case 0: return byte_columns<kFormat, 0>(DU(), words);
      case 1: return byte_columns<kFormat, 1>(DU(), words);
      case 2: return byte_columns<kFormat, 2>(DU(), words);
      default: return byte_columns<kFormat, 3>(DU(), words);
    }
  }
};

template <class L>
struct FewSingleNumbers {
  using Key = L;
  template <int kBlock>
  using KeyOp = BroadcastBlock<L, kBlock>;
  template <int>
  using ValueOp = Broadcast<L>;
  static constexpr int kPair = 1;  // columns of the knowledge a lane holds
  static constexpr bool kScaled = false;
};
struct FewBf16 {
  using Key = Bf16;
  template <int kBlock>
  using KeyOp = BroadcastBlockOfBf16<kBlock>;
  template <int>
  using ValueOp = BroadcastOnBf16;
  static constexpr int kPair = 2;
  static constexpr bool kScaled = false;
};
template <Precision kFormat>
struct FewBytes {
  using Key = std::uint8_t;
  template <int kBlock>
  using KeyOp = BroadcastBlockOfBytes<kFormat, kBlock>;
  template <int kFirst>
  using ValueOp = BroadcastOnBytes<kFormat, kFirst>;
  static constexpr int kPair = 4;
  static constexpr bool kScaled = true;  // by what the block says for each key
};

// Two (four) vectors of partial sums, one per key, to one whose blocks hold the keys' sums.
HWY_INLINE hn::Vec<hn::ScalableTag<double>> fold(hn::Vec<hn::ScalableTag<double>> a,
                                                 hn::Vec<hn::ScalableTag<double>> b) {
  const hn::ScalableTag<double> d;
  return hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
}
HWY_INLINE hn::Vec<hn::ScalableTag<float>> fold(hn::Vec<hn::ScalableTag<float>> a, hn::Vec<hn::ScalableTag<float>> b) {
  return hn::Add(hn::OddEven(hn::DupEven(b), a), hn::OddEven(b, hn::DupOdd(a)));
}
template <class V>
HWY_INLINE V fold(V a, V b, V c, V e) {
  const hn::DFromV<V> d;
  const hn::Repartition<double, decltype(d)> pairs;
  const auto halves = [&](V x, V y) KNOWSCALE_ATTR {
    return hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, x, y), hn::InterleaveUpper(d, x, y)));
  };
  const auto ab = halves(a, b), ce = halves(c, e);
  return hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, ab, ce)),
                 hn::BitCast(d, hn::InterleaveUpper(pairs, ab, ce)));
}

// Vectors whose blocks hold partial sums to one, of whose blocks the i-th is the sum of those of the i-th vector.
template <class V>
HWY_INLINE V fold_blocks(V a, V b) {
  const hn::DFromV<V> d;
  return hn::Add(hn::ConcatLowerLower(d, b, a), hn::ConcatUpperUpper(d, b, a));
}
template <class V>
HWY_INLINE V fold_blocks(V a, V b, V c, V e) {
  const V ac = fold_blocks(a, c), be = fold_blocks(b, e);
  return hn::Add(hn::OddEvenBlocks(hn::SwapAdjacentBlocks(be), ac), hn::OddEvenBlocks(be, hn::SwapAdjacentBlocks(ac)));
}

// Eight vectors of partial sums to one of 8 lanes, of which the i-th is the sum of the i-th vector.
template <class V>
HWY_INLINE V fold_eight(V a, V b, V c, V e, V f, V g, V h, V i) {
  const hn::DFromV<V> d;
  const hn::Repartition<double, decltype(d)> pairs;
  const auto two = [&](V x, V y) KNOWSCALE_ATTR {
    return hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, x, y), hn::InterleaveUpper(d, x, y)));
  };
  const auto four = [&](auto x, auto y) KNOWSCALE_ATTR {
    return hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, x, y)), hn::BitCast(d, hn::InterleaveUpper(pairs, x, y)));
  };
  return fold_blocks(four(two(a, b), two(c, e)), four(two(f, g), two(h, i)));
}

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_SIMD_FEW_NUMBERS_INL

// SPDX-License-Identifier: BSD-3-Clause
// 2^x for weights of a softmax, and the polynomials under it. Included again for every target (Highway's convention
// for -inl headers).
// NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_EXP_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_EXP_INL
#undef KNOWSCALE_KERNELS_SIMD_EXP_INL
#else
#define KNOWSCALE_KERNELS_SIMD_EXP_INL
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Minimax polynomials of 2^r, |r| <= 1/2, by Remez exchange on the relative error.
template <int kDegree>
struct Exp2Polynomial;

template <>
struct Exp2Polynomial<3> {  // 7.5e-5
  static constexpr double c[] = {.999928073572470622, .693260984692040461, .242611122350983496, .0551716723257488133};
};
template <>
struct Exp2Polynomial<5> {  // 7.5e-8
  static constexpr double c[] = {1.00000007165471414, .693146967065035214,   .240221197237107196,
                                 .055507132718556442, .00967554134312132739, .00132764726319508761};
};
template <>
struct Exp2Polynomial<11> {  // 3e-18
  static constexpr double c[] = {.999999999999999997,    .69314718055994533,      .240226506959101562,
                                 .0555041086648199216,   .00961812910758833524,   .00133335581467899217,
                                 .000154035304625144321, .0000152527334899885256, 1.32154330896763992e-6,
                                 1.01781980216719308e-7, 7.0741056135081428e-9,   4.43528270695727715e-10};
};

// By Horner's rule.
template <int kDegree, int kFrom = 0, class D, class V = hn::Vec<D>>
HWY_INLINE V exp2_polynomial(D d, V r) {
  const V c = hn::Set(d, static_cast<hn::TFromD<D>>(Exp2Polynomial<kDegree>::c[kFrom]));
  if constexpr (kFrom == kDegree) {
    return c;
  } else {
    return hn::MulAdd(exp2_polynomial<kDegree, kFrom + 1>(d, r), r, c);
  }
}

template <class T>
inline constexpr int kMantissaBits = sizeof(T) == 4 ? 23 : 52;
template <class T>
inline constexpr int kLeastExponent = sizeof(T) == 4 ? -125 : -1021;  // where a polynomial below 1 is normal still
template <class T>
inline constexpr int kExactDegree = sizeof(T) == 4 ? 5 : 11;

// x = n + r with n a whole number and |r| <= 1/2: adding a number whose last bit counts ones rounds x, and leaves n in
// the low bits. Two operations fewer than Round and ConvertTo; six where ConvertTo mends what lies out of range.
template <class T>
inline constexpr T kRounder = sizeof(T) == 4 ? T(0x1.8p23) : T(0x1.8p52);

// x, or the least exponent where x is below it; NaN for NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V clamp_exponent(D d, V x) {
  const V least = hn::Set(d, static_cast<hn::TFromD<D>>(kLeastExponent<hn::TFromD<D>>));
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  return hn::Max(least, x);  // in this order: x86 returns the second of two operands where either is NaN
#else
  return hn::IfThenElse(hn::Lt(x, least), least, x);  // Arm's maximum is the number
#endif
}

// 2^x for x <= 127 (f64: 1023): relative error at most 2 ulp of T for the exact degree, that of the polynomial for a
// lower one; 2^-125 (2^-1021) for all x below that, -inf too, which no sum of weights notices; NaN for NaN.
template <int kDegree, class D, class V = hn::Vec<D>>
HWY_INLINE V exp2_of_score(D d, V x) {
  using T = hn::TFromD<D>;
  const hn::RebindToUnsigned<D> du;
  const V rounder = hn::Set(d, kRounder<T> + (sizeof(T) == 4 ? 127 : 1023));  // n + bias: an exponent
  const V clamped = clamp_exponent(d, x);
  const V rounded = hn::Add(clamped, rounder);
  const V p = exp2_polynomial<kDegree>(d, hn::Sub(clamped, hn::Sub(rounded, rounder)));
  return hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<kMantissaBits<T>>(hn::BitCast(du, rounded))));
}

// The same for scores that nearly always are finite and small: n is added to the exponent, which keeps the product off
// the busiest pipes, but is right for finite x <= 127 alone. `peak` becomes the maximum, as unsigned bits, of its old
// value and x + kRounder: above that of a limit + kRounder where x is too large, infinite or NaN.
template <int kDegree, class D, class V = hn::Vec<D>, class VU = hn::Vec<hn::RebindToUnsigned<D>>>
HWY_INLINE V exp2_of_small_score(D d, V x, VU& peak) {
  using T = hn::TFromD<D>;
  const hn::RebindToUnsigned<D> du;
  const V rounder = hn::Set(d, kRounder<T>);
  const V clamped = clamp_exponent(d, x);
  const V rounded = hn::Add(clamped, rounder);
  const V p = exp2_polynomial<kDegree>(d, hn::Sub(clamped, hn::Sub(rounded, rounder)));
  peak = hn::Max(peak, hn::BitCast(du, rounded));
  return hn::BitCast(d, hn::Add(hn::BitCast(du, p), hn::ShiftLeft<kMantissaBits<T>>(hn::BitCast(du, rounded))));
}

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_SIMD_EXP_INL

// SPDX-License-Identifier: BSD-3-Clause
// The one inner loop of all products here: a tile of accumulators, rows x vectors, that stays in registers while it
// runs over the steps of the inner dimension.
//
//   C[r][v] = start(v) + sum over steps s of broadcast(A(r, s)) * B[s][v]
//
// Accumulators are named, not an array: SVE's vectors have no size, and g++ 12 keeps names in registers. With
// 8 rows x 2 vectors on AVX-512 it ran at .99 of the FMA rate in cache (Zen 5; 4 x 4: .79, 16 x 1: .69; with the
// broadcast as an operand in memory .87). On Zen 4 a broadcast as an operand is free, and one into a register takes a
// quarter of an FMA's time: 16 x 1, where each is used once, runs at .93 with its exponentials. Included again
// for every target.
// NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_OUTER_PRODUCT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_OUTER_PRODUCT_INL
#undef KNOWSCALE_KERNELS_SIMD_OUTER_PRODUCT_INL
#else
#define KNOWSCALE_KERNELS_SIMD_OUTER_PRODUCT_INL
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/matrix.hpp"
#include "kernels/simd/target-inl.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Accumulators that fit the registers beside what feeds them.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3 || HWY_TARGET == HWY_SSE2
inline constexpr int kAccumulators = 8;
#else
inline constexpr int kAccumulators = 16;
#endif

// Vectors of a tile of many queries.
inline constexpr int kManyVectors = HWY_TARGET == HWY_AVX2 ? 3 : 2;

#undef KNOWSCALE_EACH_ACCUMULATOR
#define KNOWSCALE_EACH_ACCUMULATOR(X) \
  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

template <int i>
using Constant = std::integral_constant<int, i>;

// A holds numbers that are broadcast one by one.
template <class T>
struct Broadcast {
  using A = T;
  using B = T;
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  static constexpr bool kConverts = false;  // what it loads
  static HWY_INLINE V broadcast(const A* a) { return hn::Set(D(), *a); }
  static HWY_INLINE V load(const B* b, std::size_t v) { return hn::LoadU(D(), b + v * hn::Lanes(D())); }
  static HWY_INLINE void multiply_add(V a, V b, V& c) { c = hn::MulAdd(a, b, c); }
};

#if HWY_TARGET != HWY_SCALAR
// kBytes bytes (8, 16 or more) repeated through a vector of T.
template <int kBytes, class T>
HWY_INLINE hn::Vec<hn::ScalableTag<T>> repeat_bytes(const void* from) {
  const hn::ScalableTag<T> d;
  if constexpr (kBytes == 16) {
    return hn::LoadDup128(d, static_cast<const T*>(from));
  } else if constexpr (kBytes == 8) {
    double both;
    std::memcpy(&both, from, sizeof(both));
    return hn::BitCast(d, hn::Set(hn::ScalableTag<double>(), both));
  } else if constexpr (kBytes == HWY_MAX_BYTES / 2) {
    const auto half = hn::LoadU(hn::Half<decltype(d)>(), static_cast<const T*>(from));
    return hn::Combine(d, half, half);
  } else {
    static_assert(kBytes == HWY_MAX_BYTES);
    return hn::LoadU(d, static_cast<const T*>(from));
  }
}

// A holds blocks of kBlock numbers that are repeated through a vector.
template <class T, int kBlock>
struct BroadcastBlock : Broadcast<T> {
  using typename Broadcast<T>::D;
  static HWY_INLINE hn::Vec<D> broadcast(const T* a) { return repeat_bytes<kBlock * sizeof(T), T>(a); }
};
#endif

// The vectors of one step of B.
template <class Op, int kVectors>
struct StepOfB {
  const typename Op::B* HWY_RESTRICT from;
  template <int v>
  HWY_INLINE auto operator()(Constant<v>) const {
    return Op::load(from, v);
  }
};
#if HWY_TARGET == HWY_AVX2
template <class V>
HWY_INLINE V held(V v) {
  __asm__("" : "+x"(v.raw));
  return v;
}

// Three are kept in registers, of which they take the last. g++ would read them again as operands for every row, if
// told to tune for Zen 3: loads are the bound then, two a cycle for as many FMAs (.60 of the FMA rate, .75 so).
template <class Op>
class StepOfB<Op, 3> {
 public:
  HWY_INLINE explicit StepOfB(const typename Op::B* HWY_RESTRICT b)
      : first_(held(Op::load(b, 0))), second_(held(Op::load(b, 1))), third_(held(Op::load(b, 2))) {}
  template <int v>
  HWY_INLINE typename Op::V operator()(Constant<v>) const {
    if constexpr (v == 0) return first_;
    if constexpr (v == 1) return second_;
    if constexpr (v == 2) return third_;  // a choice at run time would put them into memory
  }

 private:
  typename Op::V first_, second_, third_;
};
// Two that are converted are so once, before the first row.
template <class Op>
requires(Op::kConverts) class StepOfB<Op, 2> {
 public:
  HWY_INLINE explicit StepOfB(const typename Op::B* HWY_RESTRICT b)
      : first_(held(Op::load(b, 0))), second_(held(Op::load(b, 1))) {}
  template <int v>
  HWY_INLINE typename Op::V operator()(Constant<v>) const {
    if constexpr (v == 0) return first_;
    if constexpr (v == 1) return second_;
  }

 private:
  typename Op::V first_, second_;
};
#endif

// The start of a plain sum.
template <class Op>
struct FromZero {
  template <int v>
  HWY_INLINE typename Op::V operator()(Constant<v>) const {
    return hn::Zero(typename Op::D());
  }
};

// How memory is asked for rows that come later: a line of every so many bytes, into the first or the second level.
struct Asking {
  std::int64_t every;
  bool first_level;
};
inline constexpr std::int64_t kLine = 64;

// What is asked into cache while a product runs: rows that come later, so many bytes per step that they are there after
// `steps` steps.
class RowsAhead {
 public:
  template <class T>
  RowsAhead(MatrixView<const T> rows, std::int64_t steps, Asking asking)
      : row_(reinterpret_cast<const char*>(rows.data)),
        bytes_(rows.cols * static_cast<std::int64_t>(sizeof(T))),
        stride_(rows.stride * static_cast<std::int64_t>(sizeof(T))),
        advance_((rows.rows * bytes_ + steps - 1) / steps),
        first_level_(asking.first_level) {
    if (bytes_ == stride_) bytes_ *= std::max<std::int64_t>(rows.rows, 1);
    every_ = std::min(asking.every, bytes_);
  }

  HWY_INLINE void next() {
    for (due_ += advance_; due_ > 0; due_ -= every_) {
      if (first_level_) {
        __builtin_prefetch(row_ + at_, 0, 3);
      } else {
        __builtin_prefetch(row_ + at_, 0, 2);
      }
      at_ += every_;
      if (at_ >= bytes_) {
        at_ = 0;
        row_ += stride_;
      }
    }
  }

 private:
  const char* row_;
  std::int64_t bytes_, stride_, advance_, every_;
  bool first_level_;
  std::int64_t at_ = 0, due_ = 0;
};

struct NothingAhead {
  HWY_INLINE void next() {}
};

// A line of each row, one row per step, into the first level.
template <class T>
struct ColumnAhead {
  const T* at;
  std::int64_t stride;
  HWY_INLINE void next() {
    __builtin_prefetch(at);
    at += stride;
  }
};

// Calls emit(row, vector, C[row][vector], ..., C[row + kEmitRows - 1][vector]) for every kEmitRows rows, with row and
// vector as Constants. There are `groups` >= 1 groups of kInner steps; A(r, s) is at a + r a_row + s / kInner a_group +
// s % kInner; B[s] at b + s b_step.
// ahead.next() is called once a group, in long ones every 4 steps; returns it as it is then.
template <int kRows, int kVectors, int kInner, int kEmitRows, class Op, class Start, class Emit, class Ahead>
HWY_INLINE Ahead outer_product(Op, std::int64_t groups, const typename Op::A* HWY_RESTRICT a, std::int64_t a_row,
                               std::int64_t a_group, const typename Op::B* HWY_RESTRICT b, std::int64_t b_step,
                               const Start& start, const Emit& emit, Ahead ahead) {
  static_assert(kRows * kVectors <= 16 && kRows % kEmitRows == 0);
#define KNOWSCALE_START(i) auto c##i = start(Constant<i % kVectors>());
#define KNOWSCALE_STEP(i)                                                                                          \
  if constexpr (i < kRows * kVectors) {                                                                            \
    Op::multiply_add(Op::broadcast(row_of(Constant<i / kVectors>()) + inner), step_of_b(Constant<i % kVectors>()), \
                     c##i);                                                                                        \
  }
  KNOWSCALE_EACH_ACCUMULATOR(KNOWSCALE_START)
  // Four rows each have a base whose origin the compiler may not see: with one for all g++ 12 keeps 15 multiples of
  // a_row, some of them in vector registers (16 x 1: 4 % slower).
  const auto base = [&](int r) KNOWSCALE_ATTR {
    const typename Op::A* HWY_RESTRICT from = a + r * a_row;
    __asm__("" : "+r"(from));
    return from;
  };
  const typename Op::A *a4 = base(4), *a8 = base(8), *a12 = base(12);
  const auto row_of = [&](auto row) KNOWSCALE_ATTR {
    constexpr int r = decltype(row)::value;
    return (r < 4 ? a : r < 8 ? a4 : r < 12 ? a8 : a12) + r % 4 * a_row;
  };
  // With a test before the first step g++ 12 copies every accumulator in every step.
  do {
#pragma GCC unroll 4
    for (int inner = 0; inner < kInner; ++inner, b += b_step) {
      const StepOfB<Op, kVectors> step_of_b{b};
      KNOWSCALE_EACH_ACCUMULATOR(KNOWSCALE_STEP)
      if ((inner + 1) % 4 == 0 || inner + 1 == kInner) ahead.next();
    }
    a += a_group;
    a4 += a_group;
    a8 += a_group;
    a12 += a_group;
  } while (--groups > 0);
#undef KNOWSCALE_STEP
#undef KNOWSCALE_START

  const auto at = [&](auto index) KNOWSCALE_ATTR {
#define KNOWSCALE_AT(i) \
  if constexpr (decltype(index)::value == i) return c##i;
    KNOWSCALE_EACH_ACCUMULATOR(KNOWSCALE_AT)
#undef KNOWSCALE_AT
  };
  const auto emit_group = [&](auto index) KNOWSCALE_ATTR {
    constexpr int kVector = decltype(index)::value % kVectors, kRow = decltype(index)::value / kVectors * kEmitRows;
    constexpr int kFirst = kRow * kVectors + kVector;
    if constexpr (kEmitRows == 1) {
      emit(Constant<kRow>(), Constant<kVector>(), at(Constant<kFirst>()));
    } else if constexpr (kEmitRows == 2) {
      emit(Constant<kRow>(), Constant<kVector>(), at(Constant<kFirst>()), at(Constant<kFirst + kVectors>()));
    } else {
      emit(Constant<kRow>(), Constant<kVector>(), at(Constant<kFirst>()), at(Constant<kFirst + kVectors>()),
           at(Constant<kFirst + 2 * kVectors>()), at(Constant<kFirst + 3 * kVectors>()));
    }
  };
  [&]<int... i>(std::integer_sequence<int, i...>) KNOWSCALE_ATTR { (emit_group(Constant<i>()), ...); }
  (std::make_integer_sequence<int, kRows / kEmitRows * kVectors>());
  return ahead;
}

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_SIMD_OUTER_PRODUCT_INL

// SPDX-License-Identifier: BSD-3-Clause
// From scores to softmax weights, block of keys by block of keys, with a lazy stabiliser: the exponential is taken of
// scores relative to r, which follows the maximum only when a score exceeds it by far (as rarely rescales
// FlashAttention-4), so that nearly always the weights leave the registers of the product once, finished.
//
// Scores of a block are rows of kVectors vectors; vector v of every row belongs to the same queries. Scores and
// stabilisers are in units of log 2. Included again for every target.
// NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_WEIGHTS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_WEIGHTS_INL
#undef KNOWSCALE_KERNELS_SIMD_WEIGHTS_INL
#else
#define KNOWSCALE_KERNELS_SIMD_WEIGHTS_INL
#endif

#include <cstdint>
#include <limits>

#include "kernels/simd/exp-inl.hpp"
#include "kernels/simd/outer_product-inl.hpp"
#include "kernels/simd/query_rows.hpp"
#include "kernels/simd/target-inl.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The softmax so far of kVectors x lanes lanes. Of a query that has seen no finite score sums are < kLeastSum; of one
// that has they are larger, and about 1 at least but where scores are as large as their rounding.
template <class L>
struct SoftmaxState {
  L* stabiliser;  // r
  L* sum;         // sum_k 2^(s_k - r)
  L slack;        // scores above r by more than this make it follow
};

// A score of 1e9 is off by some 2^6 in f32, and by something else where its product starts from -r: the weight of the
// key that r was taken from may then be 2^-100 as well as 2^100. Sums below this are not believed; those of 2^30 hidden
// keys, 2^-125 each, are below it too.
inline constexpr double kLeastSum = 0x1p-16;

// What the stabiliser's rounding to natural units may lose: more than that is less than the score's own rounding.
inline constexpr double kMostLost = 2;

// A lane is a query, a row is a key.
template <class L>
struct QueriesInLanes {
  using D = hn::ScalableTag<L>;
  using V = hn::Vec<D>;
  static constexpr int kKeysARow = 1;
  static HWY_INLINE V spread_max(V v) { return v; }
  static HWY_INLINE V spread_sum(V v) { return v; }
  static HWY_INLINE V per_key(const L* p) { return hn::Set(D(), *p); }
};

#if HWY_TARGET != HWY_SCALAR
// kBlock lanes, 8 bytes or more, are a query, each of them one of consecutive keys.
template <class L, int kBlock>
struct QueriesInBlocks {
  using D = hn::ScalableTag<L>;
  using V = hn::Vec<D>;
  static constexpr int kKeysARow = kBlock;
  static HWY_INLINE V spread_max(V v) {
    return spread(v, [](V a, V b) KNOWSCALE_ATTR { return hn::Max(a, b); });
  }
  static HWY_INLINE V spread_sum(V v) {
    return spread(v, [](V a, V b) KNOWSCALE_ATTR { return hn::Add(a, b); });
  }
  static HWY_INLINE V per_key(const L* p) { return repeat_bytes<kBlock * sizeof(L), L>(p); }

 private:
  static constexpr int kBytes = kBlock * sizeof(L);
  template <class Combine>
  static HWY_INLINE V spread(V v, const Combine& combine) {
    if constexpr (kBytes >= 64) v = combine(v, hn::ConcatLowerUpper(D(), v, v));
    if constexpr (kBytes >= 32) v = combine(v, hn::SwapAdjacentBlocks(v));
    if constexpr (kBytes >= 16 && sizeof(L) == 4) v = combine(v, hn::Shuffle1032(v));
    return combine(v, swap_neighbours(v, L()));
  }
  static HWY_INLINE V swap_neighbours(V v, float) { return hn::Shuffle2301(v); }
  static HWY_INLINE V swap_neighbours(V v, double) { return hn::Shuffle01(v); }
};
#endif

// Writes weights as they are and adds them to a sum.
template <class L, int kVectors>
struct StoreWeights {
  using D = hn::ScalableTag<L>;
  static constexpr int kRows = 1;  // at a time
  L* weights;
  template <class V, class... More>
  HWY_INLINE void operator()(std::int64_t row, int v, V& sum, V w, More... more) const {
    hn::StoreU(w, D(), weights + (row * kVectors + v) * static_cast<std::int64_t>(hn::Lanes(D())));
    sum = hn::Add(sum, w);
    if constexpr (sizeof...(More) > 0) (*this)(row + 1, v, sum, more...);
  }
};

#if HWY_TARGET != HWY_SCALAR
// The same, each weight times a factor of its key.
template <class L, int kVectors, class Layout>
struct StoreScaledWeights {
  using D = hn::ScalableTag<L>;
  static constexpr int kRows = 1;
  L* weights;
  const L* factors;  // by key of the block
  template <class V>
  HWY_INLINE void operator()(std::int64_t row, int v, V& sum, V w) const {
    const V scaled = hn::Mul(w, Layout::per_key(factors + row * Layout::kKeysARow));
    hn::StoreU(scaled, D(), weights + (row * kVectors + v) * static_cast<std::int64_t>(hn::Lanes(D())));
    sum = hn::Add(sum, w);
  }
};
#endif

// Writes the scores of a tile.
template <class L, int kVectors>
struct StoreScores {
  L* scores;
  template <class Row, class Vector, class... V>
  HWY_INLINE void operator()(Row, Vector, V... row_scores) const {
    const hn::ScalableTag<L> d;
    L* to = scores + (Row::value * kVectors + Vector::value) * static_cast<std::int64_t>(hn::Lanes(d));
    ((hn::StoreU(row_scores, d, to), to += kVectors * hn::Lanes(d)), ...);
  }
};

// Of which lanes' queries the sum says that they have seen no finite score.
template <class Layout, class V>
HWY_INLINE auto unseen(V sum) {
  const hn::DFromV<V> d;
  return hn::Lt(Layout::spread_sum(sum), hn::Set(d, static_cast<hn::TFromD<decltype(d)>>(kLeastSum)));
}

// Takes the weights of `tiles` tiles of scores in one pass against the present stabiliser: score_tile(t, emit) calls
// emit(row of the tile, v, scores relative to it...). False, with the state as it was, where some score exceeds the
// stabiliser by more than the slack or is NaN, or where none came near it though it was taken from one of them.
// kScoresFirst: writes the scores of all tiles, where the weights go, before the first exponential. Where accumulators
// take all registers every vector's exponential would load its constants again (AVX2, 12 accumulators: 9 loads, 2 %).
template <class Layout, int kTileRows, int kVectors, int kDegree, bool kScoresFirst, class L, class ScoreTile,
          class Store>
HWY_INLINE bool take_weights(const SoftmaxState<L>& state, std::int64_t tiles, const ScoreTile& score_tile,
                             const Store& store) {
  const hn::ScalableTag<L> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
#define KNOWSCALE_EACH_VECTOR(X) X(0) X(1) X(2)
#define KNOWSCALE_BEGIN(i)   \
  auto sum##i = hn::Zero(d); \
  auto peak##i = hn::Zero(du);
  KNOWSCALE_EACH_VECTOR(KNOWSCALE_BEGIN)
#undef KNOWSCALE_BEGIN
#define KNOWSCALE_TAKE(i) \
  if constexpr (decltype(v)::value == i) take(sum##i, peak##i);
  const auto take_scores = [&](std::int64_t row, auto v, auto... scores) KNOWSCALE_INLINE_ATTR {
    const auto take = [&](auto& sum, auto& peak) KNOWSCALE_INLINE_ATTR {
      store(row, decltype(v)::value, sum, exp2_of_small_score<kDegree>(d, scores, peak)...);
    };
    KNOWSCALE_EACH_VECTOR(KNOWSCALE_TAKE)
  };
#undef KNOWSCALE_TAKE
  if constexpr (kScoresFirst) {
    static_assert(Store::kRows == 1);
    for (std::int64_t t = 0; t < tiles; ++t) {
      score_tile(t, StoreScores<L, kVectors>{store.weights + t * kTileRows * kVectors * lanes});
    }
    const L* score = store.weights;
    for (std::int64_t row = 0; row < tiles * kTileRows; ++row) {
#define KNOWSCALE_TAKE_STORED(i) \
  if constexpr (i < kVectors) take_scores(row, Constant<i>(), hn::LoadU(d, score + i * lanes));
      KNOWSCALE_EACH_VECTOR(KNOWSCALE_TAKE_STORED)
#undef KNOWSCALE_TAKE_STORED
      score += kVectors * lanes;
    }
  } else {
    for (std::int64_t t = 0; t < tiles; ++t) {
      score_tile(t, [&](auto row, auto v, auto... scores)
                        KNOWSCALE_INLINE_ATTR { take_scores(t * kTileRows + decltype(row)::value, v, scores...); });
    }
  }
  const auto limit = hn::BitCast(du, hn::Set(d, kRounder<L> + state.slack));
  if (!hn::AllFalse(du, hn::Gt(hn::Max(hn::Max(peak0, peak1), peak2), limit))) return false;
#define KNOWSCALE_END(i)                                           \
  if constexpr (i < kVectors) {                                    \
    sum##i = hn::Add(hn::LoadU(d, state.sum + i * lanes), sum##i); \
    if (!hn::AllFalse(d, unseen<Layout>(sum##i))) return false;    \
  }
  KNOWSCALE_EACH_VECTOR(KNOWSCALE_END)
#undef KNOWSCALE_END
#define KNOWSCALE_STORE(i) \
  if constexpr (i < kVectors) hn::StoreU(sum##i, d, state.sum + i * lanes);
  KNOWSCALE_EACH_VECTOR(KNOWSCALE_STORE)
#undef KNOWSCALE_STORE
#undef KNOWSCALE_EACH_VECTOR
  return true;
}

// Whether every query has a stabiliser.
template <class Layout, int kVectors, class L>
HWY_INLINE bool all_seen(const SoftmaxState<L>& state) {
  const hn::ScalableTag<L> d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t v = 0; v < kVectors; ++v) {
    if (!hn::AllFalse(d, unseen<Layout>(hn::LoadU(d, state.sum + v * lanes)))) return false;
  }
  return true;
}

// Gives queries without a stabiliser the maximum of `rows` rows of scores. False where one has no finite score there.
template <class Layout, int kVectors, class L>
HWY_NOINLINE bool seed(const SoftmaxState<L>& state, const L* scores, std::int64_t rows) {
  const hn::ScalableTag<L> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto lowest = hn::Set(d, -std::numeric_limits<L>::infinity());
  bool all = true;
  for (int v = 0; v < kVectors; ++v) {
    auto highest = lowest;
    for (std::int64_t row = 0; row < rows; ++row) {
      highest = hn::Max(highest, hn::LoadU(d, scores + (row * kVectors + v) * lanes));
    }
    highest = Layout::spread_max(highest);
    const auto none = unseen<Layout>(hn::LoadU(d, state.sum + v * lanes));
    const auto r = hn::LoadU(d, state.stabiliser + v * lanes);
    hn::StoreU(hn::IfThenElse(none, highest, r), d, state.stabiliser + v * lanes);
    // An infinite or NaN maximum makes the difference NaN.
    const auto difference = hn::IfThenElseZero(none, hn::Sub(highest, highest));
    all = all && hn::AllTrue(d, hn::Eq(difference, hn::Zero(d)));
    if (!all) hn::StoreU(r, d, state.stabiliser + v * lanes);
  }
  return all;
}

// What hides scores of a block from queries: key k (counted in the block) is seen where position[k] < limit[lane].
template <class L>
struct BlockMask {
  const L* position;  // k, or infinity for a key that nobody sees; padded to whole tiles
  const L* limit;     // kVectors vectors
};

// The weights of `rows` rows of scores in memory, as they are, in three passes: hide, maximum, exponential. Moves the
// stabiliser up to the maximum, so that the largest weight is 1 whatever the scores' rounding is: weights come from the
// very numbers that the maximum was taken of. Writes by what the values summed so far must be multiplied to `factors`
// (kVectors vectors).
template <class Layout, int kVectors, int kDegree, class L, class Store>
HWY_NOINLINE void restabilise(const SoftmaxState<L>& state, L* scores, std::int64_t rows, const BlockMask<L>& mask,
                              L* factors, const Store& store) {
  const hn::ScalableTag<L> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto lowest = hn::Set(d, -std::numeric_limits<L>::infinity());
  for (int v = 0; v < kVectors; ++v) {
    L* column = scores + v * lanes;
    const auto at = [&](std::int64_t row) KNOWSCALE_ATTR { return column + row * kVectors * lanes; };
    const auto limit = hn::LoadU(d, mask.limit + v * lanes);
    auto highest = lowest;
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto seen = hn::Lt(Layout::per_key(mask.position + row * Layout::kKeysARow), limit);
      const auto score = hn::IfThenElse(seen, hn::LoadU(d, at(row)), lowest);
      hn::StoreU(score, d, at(row));
      highest = hn::Max(highest, score);
    }
    highest = Layout::spread_max(highest);

    const auto r = hn::LoadU(d, state.stabiliser + v * lanes), sum = hn::LoadU(d, state.sum + v * lanes);
    const auto none = unseen<Layout>(sum);
    const auto first = hn::IfThenElseZero(hn::Gt(highest, lowest), highest);
    const auto moved = hn::IfThenElse(none, first, hn::Max(r, highest));
    // Exactly 1 where it does not move: the polynomial is an ulp off there, which many blocks would add up.
    const auto moves =
        hn::IfThenElse(hn::Eq(moved, r), hn::Set(d, L{1}), exp2_of_score<kExactDegree<L>>(d, hn::Sub(r, moved)));
    const auto factor = hn::IfThenZeroElse(none, moves);
    hn::StoreU(moved, d, state.stabiliser + v * lanes);
    hn::StoreU(factor, d, factors + v * lanes);

    auto total = hn::Zero(d);
    for (std::int64_t row = 0; row < rows; row += Store::kRows) {
      const auto weight = [&](std::int64_t i)
                              KNOWSCALE_ATTR { return exp2_of_score<kDegree>(d, hn::Sub(hn::LoadU(d, at(i)), moved)); };
      if constexpr (Store::kRows == 1) {
        store(row, v, total, weight(row));
      } else {
        const auto even = weight(row);  // both before either is overwritten
        store(row, v, total, even, weight(row + 1));
      }
    }
    hn::StoreU(hn::MulAdd(sum, factor, total), d, state.sum + v * lanes);
  }
}

// At the end: the stabilisers in natural units to `references`, and the factors that make up for the rounding of that
// to `factors`; -infinity and 0 for a query that has seen no key. kVectors vectors each.
template <class Layout, int kVectors, class L>
HWY_NOINLINE void refer_in_natural_units(const SoftmaxState<L>& state, L* references, L* factors) {
  constexpr double kLn2 = 0.69314718055994530942, kRest = 2.0355273740931033e-17;  // log2(e) = kLog2e + kRest
  constexpr L kHigh = static_cast<L>(kLog2e);
  constexpr L kLow = static_cast<L>((kLog2e - static_cast<double>(kHigh)) + kRest);
  const hn::ScalableTag<L> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (int v = 0; v < kVectors; ++v) {
    const auto r = hn::LoadU(d, state.stabiliser + v * lanes);
    const auto none = unseen<Layout>(hn::LoadU(d, state.sum + v * lanes));
    const auto reference = hn::Mul(r, hn::Set(d, static_cast<L>(kLn2)));
    const auto lost = hn::NegMulAdd(reference, hn::Set(d, kLow), hn::NegMulAdd(reference, hn::Set(d, kHigh), r));
    const auto most = hn::Set(d, static_cast<L>(kMostLost));
    const auto factor = exp2_of_score<kExactDegree<L>>(d, hn::Max(hn::Neg(most), hn::Min(most, lost)));
    hn::StoreU(hn::IfThenElse(none, hn::Set(d, -std::numeric_limits<L>::infinity()), reference), d,
               references + v * lanes);
    hn::StoreU(hn::IfThenZeroElse(none, factor), d, factors + v * lanes);
  }
}

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_SIMD_WEIGHTS_INL

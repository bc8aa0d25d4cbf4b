// SPDX-License-Identifier: BSD-3-Clause
// Many queries: they lie in the lanes, so that maximum, exponential and sum are vertical. Queries are packed once,
// transposed; keys and values are read as they lie in memory and broadcast (outer_product-inl.hpp).
//
//   for each block of keys                                      K, V: [key_block][d], in cache
//     for each tile of queries (2 or 3 vectors = W lanes)
//       S[key][W]  = K X^T         8 or 4 keys at a time        X^T: [d_k][W]
//       P[key][W]  = 2^(S - r)     while S is in registers, or in the first level
//       O^T[c][W] += V^T P         8 or 4 columns at a time
//
// Bound for two FMA pipes: a vector of scores costs d_k + d_v FMAs and 6 operations of the exponential on the same
// pipes: .955 of the FMA rate at d = 64. Of 16 registers (AVX2) 8 accumulators are just what two pipes of 4 cycles
// need, which no schedule keeps to; 12 (4 keys x 3 vectors), a step of B and a broadcast are all of them, and a step
// has 7 loads for 12 FMAs instead of 6 for 8. Included again for every target. NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_MANY_QUERIES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_MANY_QUERIES_INL
#undef KNOWSCALE_KERNELS_SIMD_MANY_QUERIES_INL
#else
#define KNOWSCALE_KERNELS_SIMD_MANY_QUERIES_INL
#endif

#include <algorithm>
#include <cstdint>

#include "kernels/simd/dot_of_pairs-inl.hpp"
#include "kernels/simd/key_block-inl.hpp"
#include "kernels/simd/query_rows.hpp"
#include "kernels/simd/target-inl.hpp"
#include "kernels/simd/weights-inl.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// How the products of many queries take their numbers: one by one, ...
template <class T>
struct SingleNumbers {
  using L = Accumulator<T>;
  using Op = Broadcast<L>;
  using Key = L;    // keys and values of a block
  using Query = L;  // an element of X^T
  static constexpr int kPair = 1;
  static constexpr int kWeightDegree = kExactDegree<L>;
  template <int kVectors>
  using Store = StoreWeights<L, kVectors>;
  // The scale is in the queries; a product that starts from -r ends as a score relative to r.
  static HWY_INLINE auto start(const L* r) {
    return [r](auto v) KNOWSCALE_ATTR {
      const hn::ScalableTag<L> d;
      return hn::Neg(hn::LoadU(d, r + decltype(v)::value * hn::Lanes(d)));
    };
  }
  template <class Emit>
  static HWY_INLINE const Emit& relative(const L*, L, const Emit& emit) {
    return emit;
  }
};

#if KNOWSCALE_HAVE_DOT_OF_PAIRS
// ... or in pairs of bf16 (of columns in the first product, of keys in the second).
struct PairsOfBf16 {
  using L = float;
  using Op = DotOfPairs;
  using Key = Bf16;
  using Query = std::uint32_t;
  static constexpr int kPair = 2;
  static constexpr int kWeightDegree = 3;
  template <int kVectors>
  using Store = StorePairs<kVectors>;
  // Queries are as they were given: scaled, they would have to be rounded again.
  static HWY_INLINE FromZero<Op> start(const L*) { return {}; }
  template <class Emit>
  static HWY_INLINE auto relative(const L* r, L scale, const Emit& emit) {
    return [=, &emit](auto row, auto v, auto... raw) KNOWSCALE_ATTR {
      const hn::ScalableTag<L> d;
      const auto at = hn::LoadU(d, r + decltype(v)::value * hn::Lanes(d));
      emit(row, v, hn::MulSub(raw, hn::Set(d, scale), at)...);
    };
  }
};
#endif

// Tiles of kMost vectors of queries; of 3, one or two with 2 at the end, so that none is nearly empty.
template <class T, class Numbers, int kMost>
class ManyQueries {
  using L = Accumulator<T>;
  using Key = typename Numbers::Key;
  using Query = typename Numbers::Query;
  using Op = typename Numbers::Op;
  using D = hn::ScalableTag<L>;
  static constexpr bool kOneVector = kMost == 1;
  static constexpr int kLeast = kMost == 3 ? 2 : kMost;
  static constexpr int kTileKeys = kMost == 3 ? 4 : kAccumulators / kMost;  // and columns of the second product
  static constexpr int kPair = Numbers::kPair;
  static constexpr std::int64_t kCompactRows = 64;  // that make up for copying a block
  static constexpr std::int64_t kRowsAhead = 16;    // of values; 8: 2 % slower, none: 4 %
  using Blocks = KeyBlocks<T, Key, kPair == 2>;

 public:
  // State of the rows of one key/value head; block_keys is the largest block. slack: see SoftmaxState.
  ManyQueries(const AttentionInput<T>& input, const QueryRows& rows, std::int64_t block_keys, double slack)
      : input_(input),
        rows_(rows),
        scale_(static_cast<L>(input.scale * kLog2e)),
        slack_(static_cast<L>(slack)),
        steps_(round_up(input.shape.key_dim, kPair) / kPair),
        value_cols_(std::max<std::int64_t>(input.shape.value_dim, kTileKeys)),
        tiles_((rows.count + kMost * vector() - 1) / (kMost * vector())),
        wide_tiles_(kLeast == kMost
                        ? tiles_
                        : std::max<std::int64_t>((rows.count + vector() - 1) / vector() - kLeast * tiles_, 0)),
        queries_(vectors(), steps_ * vector()),
        sums_(vectors(), value_cols_ * vector()),
        state_(vectors(), 2 * vector()),
        zeros_(1, kMost * vector()),
        scratch_(round_up(block_keys, kTileKeys) + 2, kMost * vector()) {
    std::fill_n(sums_.data(), sums_.size(), L{0});
    std::fill_n(zeros_.data(), zeros_.size(), L{0});
    std::fill_n(state_.data(), state_.size(), L{0});
    std::fill_n(queries_.data(), queries_.size(), Query{});
    each_tile([&](const auto& tile) { pack(tile); });
  }

  Blocks blocks(std::int64_t kv_head, std::int64_t block_keys) const {
    return Blocks(input_, kv_head, block_keys, kTileKeys, kPair, input_.shape.value_dim < kTileKeys ? kTileKeys : 1,
                  rows_.count >= kCompactRows);
  }

  void add(const KeyBlock<T, Key>& block) {
    const std::int64_t key_tiles = round_up(block.count, kTileKeys) / kTileKeys,
                       columns = round_up(value_cols_, kTileKeys) / kTileKeys;
    constexpr Asking kAsking = {kLine, false};
    RowsAhead keys(block.next_keys, tiles_ * key_tiles * (kOneVector ? steps_ : 1), kAsking);
    RowsAhead values(block.next_values, tiles_ * columns * (kOneVector ? value_steps(block) : 1), kAsking);
    each_tile([&](const auto& tile) KNOWSCALE_ATTR {
      if (take_weights_of(block, tile, keys)) add_values(block, tile, values);
    });
  }

  // Writes the rows' states to `out`.
  void write(MatrixView<L> out) {
    const std::int64_t value_dim = input_.shape.value_dim;
    L* maxima = scratch_.row(0);
    L* factors = scratch_.row(1);
    each_tile([&]<int kVectors>(const Tile<kVectors>& tile) {
      const SoftmaxState<L> state = state_of(tile);
      refer_in_natural_units<QueriesInLanes<L>, kVectors>(state, maxima, factors);
      const L* sums = sums_.row(tile.first);
      for (std::int64_t lane = 0; lane < lanes_in(tile); ++lane) {
        L* row = out.row(rows_.partial_row(first_row(tile) + lane));
        for (std::int64_t c = 0; c < value_dim; ++c) row[c] = sums[c * tile.lanes() + lane] * factors[lane];
        row[value_dim] = state.sum[lane] * factors[lane];
        row[value_dim + 1] = maxima[lane];
      }
    });
  }

 private:
  static std::int64_t vector() { return static_cast<std::int64_t>(hn::Lanes(D())); }
  static std::int64_t value_steps(const KeyBlock<T, Key>& block) { return (block.count + kPair - 1) / kPair; }

  // kVectors vectors of queries, from the `first`-th on.
  template <int kVectors>
  struct Tile {
    std::int64_t first;
    static std::int64_t lanes() { return kVectors * vector(); }
  };
  std::int64_t vectors() const { return wide_tiles_ * kMost + (tiles_ - wide_tiles_) * kLeast; }
  template <class Call>
  HWY_INLINE void each_tile(const Call& call) const {
    for (std::int64_t tile = 0; tile < wide_tiles_; ++tile) call(Tile<kMost>{tile * kMost});
    if constexpr (kLeast < kMost) {
      for (std::int64_t tile = wide_tiles_; tile < tiles_; ++tile) call(Tile<kLeast>{wide_tiles_ + tile * kLeast});
    }
  }

  // Beside one vector of queries memory is nearly the bound too: the next block is asked for line by line, all the time
  // (16 queries on Zen 4: .90 of the FMA rate; tile by tile, with `near` in the loop, .80). Beside more of them lines
  // come soon enough, and what the loop reads next is asked into the first level.
  template <class Product, class Near>
  static HWY_INLINE void run_asking(const Product& product, RowsAhead& next_block, const Near& near) {
    if constexpr (kOneVector) {
      next_block = product(next_block);
    } else {
      next_block.next();
      product(near);
    }
  }

  template <class Tile>
  static std::int64_t first_row(const Tile& tile) {
    return tile.first * vector();
  }
  template <class Tile>
  std::int64_t lanes_in(const Tile& tile) const {
    return std::clamp<std::int64_t>(rows_.count - first_row(tile), 0, tile.lanes());
  }
  template <class Tile>
  SoftmaxState<L> state_of(const Tile& tile) {
    L* first = state_.row(tile.first);
    return {first, first + tile.lanes(), slack_};
  }

  // X^T of a tile; lanes without a query are zero.
  template <class Tile>
  void pack(const Tile& tile) {
    Query* packed = queries_.row(tile.first);
    for (std::int64_t lane = 0; lane < lanes_in(tile); ++lane) {
      const T* row = rows_.query(input_, first_row(tile) + lane);
      for (std::int64_t c = 0; c < input_.shape.key_dim; ++c) {
        if constexpr (kPair == 2) {
          packed[c / 2 * tile.lanes() + lane] |= static_cast<Query>(row[c].bits) << c % 2 * 16;
        } else {
          packed[c * tile.lanes() + lane] = static_cast<L>(row[c]) * scale_;
        }
      }
    }
  }

  // Fills scratch_ with the weights of the block's keys; false where the tile sees none of them.
  template <int kVectors>
  HWY_INLINE bool take_weights_of(const KeyBlock<T, Key>& block, const Tile<kVectors>& tile, RowsAhead& ahead) {
    const SoftmaxState<L> state = state_of(tile);
    const std::int64_t key_tiles = round_up(block.count, kTileKeys) / kTileKeys;
    const Query* queries = queries_.row(tile.first);
    const auto score_tile_relative_to = [&](const L* r, std::int64_t t, const auto& emit) KNOWSCALE_INLINE_ATTR {
      const auto product = [&](auto asking) KNOWSCALE_INLINE_ATTR {
        return outer_product<kTileKeys, kVectors, 1, 2>(Op(), steps_, block.tile_rows(t, kTileKeys),
                                                        block.tile_stride(t, kTileKeys), kPair, queries, tile.lanes(),
                                                        Numbers::start(r), Numbers::relative(r, scale_, emit), asking);
      };
      run_asking(product, ahead, ColumnAhead<Key>{block.keys.row((t + 1) * kTileKeys), kTileKeys * kPair});
    };
    const auto score_tile = [&](std::int64_t t, const auto& emit)
                                KNOWSCALE_INLINE_ATTR { score_tile_relative_to(state.stabiliser, t, emit); };
    constexpr bool kScoresFirst = kVectors == 3;  // whose accumulators take all registers
    const typename Numbers::template Store<kVectors> store{scratch_.data()};
    bool masked = block.position != nullptr;
    if (masked) {
      const std::int64_t first = rows_.query_index(first_row(tile));
      const std::int64_t last = rows_.query_index(first_row(tile) + lanes_in(tile) - 1);
      if (visible_limit(input_.mask, last, block.begin, block.count) == 0) return false;
      masked = block.count % kTileKeys != 0 || !input_.mask.visible.empty() ||
               visible_limit(input_.mask, first, block.begin, block.count) < block.count;
    }
    const auto stabilised = [&] {
      if (all_seen<QueriesInLanes<L>, kVectors>(state)) return true;
      score_tile_relative_to(zeros_.data(), 0, StoreScores<L, kVectors>{scratch_.data()});
      return seed<QueriesInLanes<L>, kVectors>(state, scratch_.data(), kTileKeys);
    };
    if (!masked && stabilised() &&
        take_weights<QueriesInLanes<L>, kTileKeys, kVectors, Numbers::kWeightDegree, kScoresFirst>(state, key_tiles,
                                                                                                   score_tile, store)) {
      return true;
    }
    for (std::int64_t t = 0; t < key_tiles; ++t) {
      score_tile_relative_to(zeros_.data(), t,
                             StoreScores<L, kVectors>{scratch_.data() + t * kTileKeys * tile.lanes()});
    }
    restabilise_tile(block, tile, key_tiles * kTileKeys, store);
    return true;
  }

  template <int kVectors, class Store>
  HWY_NOINLINE void restabilise_tile(const KeyBlock<T, Key>& block, const Tile<kVectors>& tile, std::int64_t rows,
                                     const Store& store) {
    const std::int64_t lanes = tile.lanes();
    Matrix<L> lanes_of(2, lanes), everything(1, rows);
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const std::int64_t row = std::min(first_row(tile) + lane, rows_.count - 1);
      lanes_of(0, lane) = static_cast<L>(visible_limit(input_.mask, rows_.query_index(row), block.begin, block.count));
    }
    const L* position = block.position;
    if (position == nullptr) {
      std::fill_n(everything.data(), rows, L{0});
      position = everything.data();
    }
    L* factors = lanes_of.row(1);
    restabilise<QueriesInLanes<L>, kVectors, Numbers::kWeightDegree>(state_of(tile), scratch_.data(), rows,
                                                                     {position, lanes_of.row(0)}, factors, store);
    L* sums = sums_.row(tile.first);
    for (std::int64_t c = 0; c < value_cols_; ++c) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) sums[c * lanes + lane] *= factors[lane];
    }
  }

  // O^T += V^T P over the block; the last columns overlap the ones before where they are no whole tile.
  template <int kVectors>
  HWY_INLINE void add_values(const KeyBlock<T, Key>& block, const Tile<kVectors>& tile, RowsAhead& ahead) {
    L* sums = sums_.row(tile.first);
    const auto* weights = reinterpret_cast<const typename Op::B*>(scratch_.data());
    for (std::int64_t begin = 0; begin < value_cols_; begin += kTileKeys) {
      const std::int64_t first = std::min(begin, value_cols_ - kTileKeys), repeated = begin - first;
      const Key* values = block.values.data + first * kPair;
      const auto product = [&](auto asking) KNOWSCALE_INLINE_ATTR {
        return outer_product<kTileKeys, kVectors, 1, 1>(
            Op(), value_steps(block), values, kPair, block.values.stride, weights, tile.lanes(), FromZero<Op>(),
            [&](auto row, auto v, auto sum) KNOWSCALE_ATTR {
              if (decltype(row)::value < repeated) return;
              L* at = sums + (first + decltype(row)::value) * tile.lanes() + decltype(v)::value * vector();
              hn::StoreU(hn::Add(hn::LoadU(D(), at), sum), D(), at);
            },
            asking);
      };
      run_asking(product, ahead, ColumnAhead<Key>{values + kRowsAhead * block.values.stride, block.values.stride});
    }
  }

  const AttentionInput<T>& input_;
  QueryRows rows_;
  L scale_, slack_;
  std::int64_t steps_;       // of the first product
  std::int64_t value_cols_;  // of the block
  std::int64_t tiles_, wide_tiles_;
  Matrix<Query> queries_;  // X^T, tile after tile
  Matrix<L> sums_;         // O^T, likewise
  Matrix<L> state_;
  Matrix<L> zeros_;
  Matrix<L> scratch_;  // scores, then weights, of one tile and block
};

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_SIMD_MANY_QUERIES_INL

// SPDX-License-Identifier: BSD-3-Clause
// Few queries: reading the knowledge is the bound, and there are not enough for a lane each. A whole vector or a block
// of 4 or 2 lanes is a query; its lanes are columns in the first product, then keys, and one load of a key serves all
// queries.
//
//   S: for 16 (4, 2) columns at a time, C[key][query] += (columns of the key, repeated) * (columns of each query)
//      then 16 (4, 2) vectors of partial sums fold to one: lanes (query, key)
//   P: 2^(S - r), kept as [key / keys][query][key % keys], with as many keys of a query as it has lanes then
//   O[query][c] += P[query][key] * V[key][c]      lanes are columns, the weight is broadcast
//
// With lanes of 512 bits in f32, a vector holds 16 keys of 1 query, 8 of 2 or 4 of 4, each multiplied by whole vectors,
// without repeating: 1 query takes a quarter of the FMAs, and lines are read in the order of memory. 8 queries fill two
// vectors with blocks of 4; 16 queries fill two with blocks of 2, which need a third of the folding (n = 16: .85 of the
// FMA rate in cache; .79 with four vectors of 4), or where broadcasts are free lie in the lanes (many_queries-inl.hpp).
// bf16 is widened in registers: the even and the odd columns of a vector are its words shifted and masked. So are
// bytes, four columns a word, whose scales go to scores and weights. Included again for every target.
// NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_FEW_QUERIES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_FEW_QUERIES_INL
#undef KNOWSCALE_KERNELS_SIMD_FEW_QUERIES_INL
#else
#define KNOWSCALE_KERNELS_SIMD_FEW_QUERIES_INL
#endif

#include <algorithm>
#include <cstdint>
#include <limits>

#include "kernels/simd/few_numbers-inl.hpp"
#include "kernels/simd/key_block-inl.hpp"
#include "kernels/simd/query_rows.hpp"
#include "kernels/simd/target-inl.hpp"
#include "kernels/simd/weights-inl.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The most rows that FewQueries takes: what two vectors hold with blocks of 2.
template <class L>
HWY_INLINE std::int64_t most_few_queries() {
  return static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<L>()));
}

// kVectors x (lanes / kBlock) queries; where kBlock is a whole vector, kVectors.
template <class T, class Numbers, int kVectors, int kBlock>
class FewQueries {
  using L = Accumulator<T>;
  using Key = typename Numbers::Key;
  using KeyOp = typename Numbers::template KeyOp<kBlock>;
  using D = hn::ScalableTag<L>;
  static constexpr bool kWhole = kBlock * sizeof(L) > 16;

 public:
  static constexpr int kKeys = kWhole ? kBlock / kVectors : kBlock;  // of a query in a row of scores
  static constexpr int kScoreVectors = kWhole ? 1 : kVectors;        // a row
  using Layout = QueriesInBlocks<L, kKeys>;                          // of their lanes

 private:
  static constexpr int kBlockColumns = kBlock * Numbers::kPair;  // that a block stands for in the first product
  static constexpr int kTileKeys = kWhole ? kKeys : kAccumulators / kVectors;
  static constexpr int kTileRows = kTileKeys / kKeys;
  // Whole vectors of as many keys at a time as there are queries: a prefetcher in hardware follows lines in order. Of
  // bytes, which are few lines, as many as fold together: their conversions are a long chain.
  static constexpr int kProductKeys = !kWhole            ? kTileKeys
                                      : Numbers::kScaled ? std::min({4, kKeys, kAccumulators / kVectors})
                                                         : std::min<int>(kVectors, 16 / sizeof(L));
  static constexpr int kMostRows =
      kAccumulators / 2;  // of a product with values, whose columns are at least two vectors
  using Blocks = KeyBlocks<T, Key, false>;

  // Two ways of asking memory all the time. Densely: for the values of the block while its keys are read, and for the
  // next block's keys while values are read. Sparsely: where the prefetchers of the machine follow lines in order, but
  // not past the end of a page, a line of each KiB of what is read now, a block of a page ahead.
  static constexpr Asking kDensely = {kLine, true}, kSparsely = {1024, false};

 public:
  static std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(D())); }
  static bool in_place(const HeadShape& shape) {
    return shape.key_dim % kBlockColumns == 0 && shape.value_dim % (lanes() * Numbers::kPair) == 0;
  }

  FewQueries(const AttentionInput<T>& input, const QueryRows& rows, std::int64_t block_keys, bool sparse, double slack)
      : input_(input),
        rows_(rows),
        sparse_(kWhole && sparse),
        slack_(static_cast<L>(slack)),
        value_cols_(round_up(input.shape.value_dim, lanes() * Numbers::kPair)),
        steps_(round_up(input.shape.key_dim, kBlockColumns) / kBlockColumns),
        queries_(steps_, kVectors * Numbers::kPair * lanes()),
        sums_(round_up(rows.count, 8), value_cols_),
        state_(3, kScoreVectors * lanes()),
        scratch_(round_up(block_keys, kTileKeys) / kKeys + 2, kScoreVectors * lanes()) {
    std::fill_n(sums_.data(), sums_.size(), L{0});
    std::fill_n(state_.data(), state_.size(), L{0});
    pack();
  }

  Blocks blocks(std::int64_t kv_head, std::int64_t block_keys) const { return blocks_of(input_, kv_head, block_keys); }
  // Of other keys and values of the same widths.
  static Blocks blocks_of(const AttentionInput<T>& input, std::int64_t kv_head, std::int64_t block_keys) {
    return Blocks(input, kv_head, block_keys, kTileKeys, kBlockColumns, lanes() * Numbers::kPair, false);
  }

  // Calls take(first key, scores, v) for the scores of all keys of the block, in units of log 2, kKeys keys at a time:
  // vector v of their lanes (query, key). A key behind the last has -infinity.
  template <class Take>
  HWY_INLINE void each_score(const KeyBlock<T, Key>& block, const Take& take) {
    for (std::int64_t row = 0; row * kKeys < block.count; ++row) {
#pragma GCC unroll 2
      for (int v = 0; v < kScoreVectors; ++v) {
        take(row * kKeys, hn::LoadU(D(), scratch_.row(row) + v * lanes()), v);
      }
    }
  }
  // Makes those scores.
  void score(const KeyBlock<T, Key>& block) {
    RowsAhead ahead = ahead_of_keys(block);
    score_all(block, ahead);
    for (std::int64_t key = block.count; key % kKeys != 0; ++key) {
      L* row = scratch_.row(key / kKeys);
      for (std::int64_t lane = key % kKeys; lane < kScoreVectors * lanes(); lane += kKeys)
        row[lane] = -std::numeric_limits<L>::infinity();
    }
  }

  void add(const KeyBlock<T, Key>& block) {
    if (!take_weights_of(block)) return;
    const std::int64_t rows = rows_.count;
    const std::int64_t passes =
        (rows + kMostRows - 1) / kMostRows *
        std::max<std::int64_t>(value_cols_ / lanes() * std::min<std::int64_t>(rows, kMostRows) / kAccumulators, 1);
    constexpr int kStep = std::min(kKeys, 4);
    const std::int64_t steps = passes * (block.count + kStep - 1) / kStep;
    RowsAhead ahead =
        sparse_ ? RowsAhead(block.next_values, steps, kSparsely) : RowsAhead(block.next_keys, steps, kDensely);
#if HWY_HAVE_SCALABLE
    if (rows == 1) return add_values<1>(block, 0, ahead);
    if (rows == 2) return add_values<2>(block, 0, ahead);
    if (rows <= 4) return add_values<4>(block, 0, ahead);
    constexpr int kAtOnce = kMostRows;
#else
    // More than half of what there is room for, or other vectors and blocks would hold them.
    constexpr int kRoom = kVectors * HWY_MAX_BYTES / (kBlock * sizeof(L)), kAtOnce = std::min(kRoom, kMostRows);
#endif
    for (std::int64_t first = 0; first < rows; first += kAtOnce) add_values<kAtOnce>(block, first, ahead);
  }

  void write(MatrixView<L> out) {
    const std::int64_t value_dim = input_.shape.value_dim;
    L* maxima = scratch_.row(0);
    L* factors = scratch_.row(1);
    refer_in_natural_units<Layout, kScoreVectors>(state(), maxima, factors);
    for (std::int64_t i = 0; i < rows_.count; ++i) {
      L* row = out.row(rows_.partial_row(i));
      for (std::int64_t c = 0; c < value_dim; ++c) row[c] = sums_(i, place_of(c)) * factors[i * kKeys];
      L sum = 0;
      for (int lane = 0; lane < kKeys; ++lane) sum += state().sum[i * kKeys + lane];
      row[value_dim] = sum * factors[i * kKeys];
      row[value_dim + 1] = maxima[i * kKeys];
    }
  }

 private:
  SoftmaxState<L> state() { return {state_.row(0), state_.row(1), slack_}; }
  const L* zeros() const { return state_.row(2); }

  // Where column c of the values lies in a row of sums.
  std::int64_t place_of(std::int64_t c) const {
    const std::int64_t chunk = lanes() * Numbers::kPair;
    return c / chunk * chunk + c % Numbers::kPair * lanes() + c % chunk / Numbers::kPair;
  }

  // [step][vector][pair][query block][lane]
  void pack() {
    std::fill_n(queries_.data(), queries_.size(), L{0});
    const std::int64_t blocks = lanes() / kBlock;
    for (std::int64_t i = 0; i < rows_.count; ++i) {
      const T* row = rows_.query(input_, i);
      for (std::int64_t c = 0; c < input_.shape.key_dim; ++c) {
        const std::int64_t vector = i / blocks * Numbers::kPair + c % Numbers::kPair;
        queries_(c / kBlockColumns, vector * lanes() + i % blocks * kBlock + c % kBlockColumns / Numbers::kPair) =
            static_cast<L>(row[c]) * static_cast<L>(input_.scale * kLog2e);
      }
    }
  }

  std::int64_t key_tiles(const KeyBlock<T, Key>& block) const { return round_up(block.count, kTileKeys) / kTileKeys; }
  RowsAhead ahead_of_keys(const KeyBlock<T, Key>& block) const {
    const std::int64_t steps = key_tiles(block) * (kWhole ? kTileKeys / kProductKeys : steps_);
    return sparse_ ? RowsAhead(block.next_keys, steps, kSparsely) : RowsAhead(block.values, steps, kDensely);
  }

  // The scores of tile t relative to r, as emit(row of the tile, v, scores).
  template <class Emit>
  HWY_INLINE void score_tile_relative_to(const KeyBlock<T, Key>& block, const L* r, std::int64_t t, RowsAhead& ahead,
                                         const Emit& emit) const {
    const Key* keys = block.tile_rows(t, kTileKeys);
    const std::int64_t stride = block.tile_stride(t, kTileKeys);
    const auto product = [&](std::int64_t first, const auto& take) KNOWSCALE_INLINE_ATTR {
      constexpr int kEmitKeys = kWhole ? 1 : kBlock;
      const auto run = [&](auto asking) KNOWSCALE_INLINE_ATTR {
        return outer_product<kProductKeys, kVectors, 1, kEmitKeys>(KeyOp(), steps_, keys + first * stride, stride,
                                                                   kBlockColumns, queries_.data(), queries_.cols(),
                                                                   FromZero<KeyOp>(), take, asking);
      };
      if constexpr (kWhole) {
        run(NothingAhead());
        ahead.next();
      } else {
        ahead = run(ahead);
      }
    };
    const auto relative = [&](auto scores, int v, int row) KNOWSCALE_ATTR {
      const auto to = hn::LoadU(D(), r + v * lanes());
      if constexpr (Numbers::kScaled) {
        return hn::MulSub(scores, Layout::per_key(block.key_scales + t * kTileKeys + row * kKeys), to);
      } else {
        return hn::Sub(scores, to);
      }
    };
    if constexpr (kWhole) {
      emit(Constant<0>(), Constant<0>(), relative(whole_sums(product), 0, 0));
    } else {
      product(0, [&](auto row, auto v, auto... sums) KNOWSCALE_ATTR {
        constexpr int kRow = decltype(row)::value / kBlock;
        emit(Constant<kRow>(), v, relative(fold(sums...), decltype(v)::value, kRow));
      });
    }
  }

  bool take_weights_of(const KeyBlock<T, Key>& block) {
    RowsAhead ahead = ahead_of_keys(block);
    const auto score_tile = [&](std::int64_t t, const auto& emit) KNOWSCALE_INLINE_ATTR {
      score_tile_relative_to(block, state().stabiliser, t, ahead, emit);
    };
    const auto store = [&] {
      if constexpr (Numbers::kScaled) {
        return StoreScaledWeights<L, kScoreVectors, Layout>{scratch_.data(), block.value_scales};
      } else {
        return StoreWeights<L, kScoreVectors>{scratch_.data()};
      }
    }();
    if (block.position == nullptr && all_seen<Layout, kScoreVectors>(state()) &&
        take_weights<Layout, kTileRows, kScoreVectors, kExactDegree<L>, Numbers::kScaled>(state(), key_tiles(block),
                                                                                          score_tile, store)) {
      return true;
    }
    if (visible_limit(input_.mask, rows_.query_index(rows_.count - 1), block.begin, block.count) == 0) return false;
    score_all(block, ahead);
    restabilise_all(block, key_tiles(block) * kTileRows, store);
    return true;
  }

  // The scores of the block, as they are, to scratch_.
  void score_all(const KeyBlock<T, Key>& block, RowsAhead& ahead) {
    for (std::int64_t t = 0; t < key_tiles(block); ++t) {
      score_tile_relative_to(block, zeros(), t, ahead, StoreScores<L, kScoreVectors>{scratch_.row(t * kTileRows)});
    }
  }

  // The sums of a tile, lanes (query, key), of products of whole vectors, key after key as they lie.
  template <class Product>
  static HWY_INLINE hn::Vec<D> whole_sums(const Product& product) {
    constexpr int kInBlock = 16 / sizeof(L), kBlocks = kBlock / kInBlock, kBlocksOfQuery = kBlocks / kVectors;
    if constexpr (kBlocksOfQuery == 0) {  // 2 keys of 4 queries
      static_assert(kBlock == 8 && kProductKeys == 2);
      hn::Vec<D> s[8];
      product(0, [&](auto row, auto v, auto sum)
                     KNOWSCALE_ATTR { s[2 * decltype(v)::value + decltype(row)::value] = sum; });
      return fold_eight(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]);
    } else {
      return sums_of_blocks<kInBlock, kBlocks, kBlocksOfQuery>(product);
    }
  }

  template <int kInBlock, int kBlocks, int kBlocksOfQuery, class Product>
  static HWY_INLINE hn::Vec<D> sums_of_blocks(const Product& product) {
    hn::Vec<D> blocks[kBlocks];
#pragma GCC unroll 4
    for (int i = 0; i < kBlocksOfQuery; ++i) {
      hn::Vec<D> sums[kVectors][kInBlock];
#pragma GCC unroll 4
      for (int key = 0; key < kInBlock; key += kProductKeys) {
        product(i * kInBlock + key, [&](auto row, auto v, auto sum)
                                        KNOWSCALE_ATTR { sums[decltype(v)::value][key + decltype(row)::value] = sum; });
      }
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        if constexpr (kInBlock == 4)
          blocks[v * kBlocksOfQuery + i] = fold(sums[v][0], sums[v][1], sums[v][2], sums[v][3]);
        else
          blocks[v * kBlocksOfQuery + i] = fold(sums[v][0], sums[v][1]);
      }
    }
    if constexpr (kBlocks == 4)
      return fold_blocks(blocks[0], blocks[1], blocks[2], blocks[3]);
    else
      return fold_blocks(blocks[0], blocks[1]);
  }

  template <class Store>
  HWY_NOINLINE void restabilise_all(const KeyBlock<T, Key>& block, std::int64_t rows, const Store& store) {
    Matrix<L> lanes_of(2, kScoreVectors * lanes()), everything(1, rows * kKeys);
    for (std::int64_t lane = 0; lane < lanes_of.cols(); ++lane) {
      const std::int64_t row = std::min(lane / kKeys, rows_.count - 1);
      lanes_of(0, lane) = static_cast<L>(visible_limit(input_.mask, rows_.query_index(row), block.begin, block.count));
    }
    const L* position = block.position;
    if (position == nullptr) {
      std::fill_n(everything.data(), everything.size(), L{0});
      position = everything.data();
    }
    const L* factors = lanes_of.row(1);
    restabilise<Layout, kScoreVectors, kExactDegree<L>>(state(), scratch_.data(), rows, {position, lanes_of.row(0)},
                                                        lanes_of.row(1), store);
    for (std::int64_t i = 0; i < rows_.count; ++i) {
      for (std::int64_t c = 0; c < value_cols_; ++c) sums_(i, c) *= factors[i * kKeys];
    }
  }

  // Rows [first, first + kRows) of O += P V; rows behind the last are computed and not used.
  template <int kRows>
  void add_values(const KeyBlock<T, Key>& block, std::int64_t first, RowsAhead& ahead) {
    constexpr int kMost = kAccumulators / kRows < 4 ? kAccumulators / kRows : 4;
    const std::int64_t vectors = value_cols_ / lanes();
    std::int64_t vector = 0;
    if constexpr (kRows == 1 && Numbers::kPair == 4) {
      for (; vector + 8 <= vectors; vector += 8) add_columns<kRows, 8>(block, first, vector, ahead);
    }
    if constexpr (kMost >= 4) {
      for (; vector + 4 <= vectors; vector += 4) add_columns<kRows, 4>(block, first, vector, ahead);
    } else if constexpr (Numbers::kPair == 4) {
      for (; vector + 4 <= vectors; vector += 4) {
        add_columns<kRows, 2>(block, first, vector, ahead);
        add_columns<kRows, 2, 2>(block, first, vector, ahead);
      }
    }
    if constexpr (Numbers::kPair == 4) return;
    for (; vector + 2 <= vectors; vector += 2) add_columns<kRows, 2>(block, first, vector, ahead);
    if constexpr (Numbers::kPair == 1) {  // pairs come by two vectors
      for (; vector < vectors; ++vector) add_columns<kRows, 1>(block, first, vector, ahead);
    }
  }

  // Vectors kFirst to kFirst + kColumns - 1 from the `vector`-th on.
  template <int kRows, int kColumns, int kFirst = 0>
  HWY_INLINE void add_columns(const KeyBlock<T, Key>& block, std::int64_t first, std::int64_t vector,
                              RowsAhead& ahead) {
    const auto add = [&](auto row, auto v, auto sum) KNOWSCALE_ATTR {
      L* at = sums_.row(first + decltype(row)::value) + (vector + kFirst + decltype(v)::value) * lanes();
      hn::StoreU(hn::Add(hn::LoadU(D(), at), sum), D(), at);
    };
    const L* weights = scratch_.data() + first * kKeys;
    const Key* values = block.values.data + vector * lanes();
    const std::int64_t groups = block.count / kKeys, rest = block.count % kKeys;
    using ValueOp = typename Numbers::template ValueOp<kFirst>;
    const ValueOp op;
    const FromZero<ValueOp> zero;
    if constexpr (Numbers::kPair == 4 && kColumns == 2) {
      // Key by key: with two in one step g++ 12 keeps an accumulator in memory (half as fast).
      for (int key = 0; key < kKeys && groups > 0; ++key) {
        outer_product<kRows, kColumns, 1, 1>(op, groups, weights + key, kKeys, scratch_.cols(),
                                             values + key * block.values.stride, kKeys * block.values.stride, zero, add,
                                             ahead);
      }
    } else if (groups > 0) {
      ahead = outer_product<kRows, kColumns, kKeys, 1>(op, groups, weights, kKeys, scratch_.cols(), values,
                                                       block.values.stride, zero, add, ahead);
    }
    if (rest > 0) {
      outer_product<kRows, kColumns, 1, 1>(op, rest, weights + groups * scratch_.cols(), kKeys, 1,
                                           values + groups * kKeys * block.values.stride, block.values.stride, zero,
                                           add, ahead);
    }
  }

  const AttentionInput<T>& input_;
  QueryRows rows_;
  bool sparse_;
  L slack_;
  std::int64_t value_cols_;
  std::int64_t steps_;
  Matrix<L> queries_;
  Matrix<L> sums_;  // O
  Matrix<L> state_;
  Matrix<L> scratch_;  // scores, then weights, of one block
};

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_SIMD_FEW_QUERIES_INL

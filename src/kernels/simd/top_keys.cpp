// SPDX-License-Identifier: BSD-3-Clause
// Queries lie in the lanes, as for many queries of kernel `simd`, here of f64; compiled once for each instruction set
// that Highway knows for this compiler, chosen at run time.
//
//   for each block of keys, widened to f64                 K: [kBlockKeys][d_k]
//     for each tile of queries (2 vectors = W lanes)
//       S[key][W] = scale (K X^T)                          X^T: [d_k][W]
//       maximum[W], and every score above least[W] is listed for its query
//       sum[W] = sum[W] 2^(old - maximum) + sum over keys of 2^(S - maximum)
//
// A list has places for twice the k keys that are asked for. When it is full, the best k stay and the worst of them is
// the least: some steps for each of about k log2(m / k) keys, for keys in no order. (Heaps of k took 1.2 times as long
// in all for k = 100, 2.3 times for k = 1000; 128 queries, 40000 keys.) A score equal to the least need not be listed:
// its key is larger than those there, and a tie goes to the smaller one.
#include "kernels/top_keys.hpp"
#include "kernels/threads.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "kernels/simd/query_rows.hpp"
#include "kernels/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/top_keys.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "kernels/simd/exp-inl.hpp"
#include "kernels/simd/key_block-inl.hpp"
#include "kernels/simd/outer_product-inl.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::simd::HWY_NAMESPACE {
using namespace knowscale::HWY_NAMESPACE;  // NOLINT: of the same target
namespace hn = hwy::HWY_NAMESPACE;

// Keys of a block: as f64 in the second level of cache, their scores for a tile of queries in the first.
inline constexpr std::int64_t kBlockKeys = 128;

template <class T>
class TopKeysOfRows {
  using Op = Broadcast<double>;
  using D = Op::D;
  using V = Op::V;
  static constexpr int kVectors = 2;
  static constexpr int kTileKeys = kAccumulators / kVectors;
  static constexpr std::int64_t kSpare = 16;  // places, for small counts
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

 public:
  TopKeysOfRows(const AttentionInput<T>& input, const QueryRows& rows, std::int64_t count)
      : input_(input),
        rows_(rows),
        count_(count),
        queries_(tiles() * input.shape.key_dim, lanes()),
        state_(tiles() * 3, lanes()),
        found_(rows.count, 2 * count + kSpare),
        listed_(static_cast<std::size_t>(rows.count)),
        narrow_(std::is_same_v<Accumulator<T>, T> ? 0 : kBlockKeys, input.shape.key_dim),
        keys_(kBlockKeys, input.shape.key_dim),
        scores_(kBlockKeys, lanes()) {
    for (std::int64_t tile = 0; tile < tiles(); ++tile) {
      const State state = state_of(tile);
      std::fill_n(state.maximum, lanes(), -kInfinity);
      std::fill_n(state.sum, lanes(), 0.0);
      // No score is above that of a lane without a query.
      std::fill_n(state.least, lanes(), kInfinity);
      std::fill_n(state.least, lanes_in(tile), -kInfinity);
      pack(tile);
    }
  }

  // Blocks must come in the order of their keys.
  void add(RowRange block) {
    widen(block);
    for (std::int64_t tile = 0; tile < tiles(); ++tile) {
      take_scores(tile, block.size());
      for (std::int64_t v = 0; v < kVectors; ++v) add_scores(tile, v * lanes() / kVectors, block);
    }
  }

  // Writes the rows of `out`; lse is NaN where the sum is, and log 0 where there is no key.
  void write(TopKeys& out) {
    for (std::int64_t i = 0; i < rows_.count; ++i) {
      const State state = state_of(i / lanes());
      const std::int64_t row = rows_.partial_row(i), lane = i % lanes();
      TopKey* found = found_.row(i);
      const std::int64_t listed = listed_[static_cast<std::size_t>(i)];
      std::sort(found, found + listed, ranks_before);
      std::copy_n(found, std::min(listed, count_), out.row(row));
      out.lse[static_cast<std::size_t>(row)] = state.maximum[lane] + std::log(state.sum[lane]);
    }
  }

 private:
  struct State {
    double* maximum;
    double* sum;    // of 2^((score - maximum) log2(e))
    double* least;  // the score that a key must exceed to be listed
  };

  static std::int64_t lanes() { return kVectors * static_cast<std::int64_t>(hn::Lanes(D())); }
  std::int64_t tiles() const { return (rows_.count + lanes() - 1) / lanes(); }
  std::int64_t lanes_in(std::int64_t tile) const { return std::min(lanes(), rows_.count - tile * lanes()); }
  State state_of(std::int64_t tile) {
    double* first = state_.row(3 * tile);
    return {first, first + lanes(), first + 2 * lanes()};
  }

  // X^T of a tile; lanes without a query are zero.
  void pack(std::int64_t tile) {
    double* packed = queries_.row(tile * input_.shape.key_dim);
    std::fill_n(packed, input_.shape.key_dim * lanes(), 0.0);
    for (std::int64_t lane = 0; lane < lanes_in(tile); ++lane) {
      const T* row = rows_.query(input_, tile * lanes() + lane);
      for (std::int64_t c = 0; c < input_.shape.key_dim; ++c)
        packed[c * lanes() + lane] = static_cast<Accumulator<T>>(row[c]);
    }
  }

  // Fills keys_, whole tiles of them: behind the last key with zeros.
  void widen(RowRange block) {
    const std::int64_t key_dim = input_.shape.key_dim;
    const MatrixView<const T> keys = input_.keys.slice_cols(rows_.kv_head * key_dim, key_dim).slice_rows(block);
    const MatrixView<double> to = keys_.view().slice_rows({0, round_up(block.size(), kTileKeys)});
    if constexpr (std::is_same_v<Accumulator<T>, T>) {
      copy_rows<T, double>(keys, to);
    } else {
      const MatrixView<float> narrow = narrow_.view().slice_rows({0, block.size()});
      copy_rows<T, float>(keys, narrow);
      copy_rows<float, double>(narrow, to);
    }
  }

  // Fills scores_ with those of the first `count` keys, and of zeros up to a whole tile.
  void take_scores(std::int64_t tile, std::int64_t count) {
    const std::int64_t key_dim = input_.shape.key_dim;
    const V scale = hn::Set(D(), input_.scale);
    for (std::int64_t first = 0; first < count; first += kTileKeys) {
      outer_product<kTileKeys, kVectors, 1, 1>(
          Op(), key_dim, keys_.row(first), key_dim, 1, queries_.row(tile * key_dim), lanes(), FromZero<Op>(),
          [&](auto row, auto v, auto sum) KNOWSCALE_ATTR {
            double* at = scores_.row(first + decltype(row)::value) + decltype(v)::value * hn::Lanes(D());
            hn::StoreU(hn::Mul(sum, scale), D(), at);
          },
          ColumnAhead<double>{keys_.row(first + kTileKeys), kTileKeys});
    }
  }

  // Brings a vector of the tile's lanes, from `first` on, up to date with the block's scores.
  void add_scores(std::int64_t tile, std::int64_t first, RowRange block) {
    const State state = state_of(tile);
    const V none = hn::Set(D(), -kInfinity), log2e = hn::Set(D(), kLog2e);
    const V before = hn::LoadU(D(), state.maximum + first);
    V maximum = before, least = hn::LoadU(D(), state.least + first);
    for (std::int64_t k = 0; k < block.size(); ++k) {
      const V score = hn::LoadU(D(), scores_.row(k) + first);
      maximum = hn::Max(score, maximum);  // where a score is NaN no matter what: the sum is NaN
      if (HWY_UNLIKELY(!hn::AllFalse(D(), hn::Gt(score, least)))) {
        list(tile, first, scores_.row(k), block.begin + k);
        least = hn::LoadU(D(), state.least + first);
      }
    }
    hn::StoreU(maximum, D(), state.maximum + first);

    // Finite where the maximum is -inf: all weights are nothing then, not NaN.
    const V reference = hn::IfThenZeroElse(hn::Eq(maximum, none), maximum);
    const auto weight = [&](V score) KNOWSCALE_ATTR {
      return exp2_of_score<kExactDegree<double>>(D(), hn::Mul(hn::Sub(score, reference), log2e));
    };
    V sum = hn::Zero(D());
    for (std::int64_t k = 0; k < block.size(); ++k) sum = hn::Add(sum, weight(hn::LoadU(D(), scores_.row(k) + first)));
    const V sum_before = hn::LoadU(D(), state.sum + first);
    hn::StoreU(hn::MulAdd(sum_before, weight(before), sum), D(), state.sum + first);
  }

  // Lists the key in those lanes of a vector, from `first` on, where its score is above the least.
  HWY_NOINLINE void list(std::int64_t tile, std::int64_t first, const double* scores, std::int64_t key) {
    const State state = state_of(tile);
    for (std::int64_t lane = first; lane < first + lanes() / kVectors; ++lane) {
      if (!(scores[lane] > state.least[lane])) continue;
      const std::int64_t row = tile * lanes() + lane;
      TopKey* found = found_.row(row);
      std::int64_t& listed = listed_[static_cast<std::size_t>(row)];
      found[listed++] = {key, scores[lane]};
      if (listed < found_.cols()) continue;
      listed = count_;
      std::nth_element(found, found + listed - 1, found + found_.cols(), ranks_before);
      state.least[lane] = found[listed - 1].score;
    }
  }

  const AttentionInput<T>& input_;
  QueryRows rows_;
  std::int64_t count_;
  Matrix<double> queries_;            // X^T, tile after tile
  Matrix<double> state_;              // likewise
  Matrix<TopKey> found_;              // of each row: at least its `count_` best keys, in no order, ...
  std::vector<std::int64_t> listed_;  // ... and how many
  Matrix<float> narrow_;              // a block of 16-bit keys on its way to f64
  Matrix<double> keys_;               // of a block
  Matrix<double> scores_;             // of a block and tile
};

template <class T>
void add_keys(const AttentionInput<T>& input, const QueryRows& rows, RowRange keys, const Threads& threads,
              TopKeys& out) {
  TopKeysOfRows<T> top(input, rows, out.count);
  for (std::int64_t begin = keys.begin; begin < keys.end; begin += kBlockKeys) {
    top.add({begin, std::min(begin + kBlockKeys, keys.end)});
    threads.poll();
  }
  top.write(out);
}

void add_keys_f32(const AttentionInput<float>& i, const QueryRows& r, RowRange k, const Threads& t, TopKeys& o) {
  add_keys(i, r, k, t, o);
}
void add_keys_f64(const AttentionInput<double>& i, const QueryRows& r, RowRange k, const Threads& t, TopKeys& o) {
  add_keys(i, r, k, t, o);
}
void add_keys_bf16(const AttentionInput<Bf16>& i, const QueryRows& r, RowRange k, const Threads& t, TopKeys& o) {
  add_keys(i, r, k, t, o);
}
void add_keys_f16(const AttentionInput<F16>& i, const QueryRows& r, RowRange k, const Threads& t, TopKeys& o) {
  add_keys(i, r, k, t, o);
}

}  // namespace knowscale::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace knowscale {
namespace simd {
namespace {

HWY_EXPORT(add_keys_f32);
HWY_EXPORT(add_keys_f64);
HWY_EXPORT(add_keys_bf16);
HWY_EXPORT(add_keys_f16);

void add(const AttentionInput<float>& i, const QueryRows& r, RowRange k, const Threads& t, TopKeys& o) {
  HWY_DYNAMIC_DISPATCH(add_keys_f32)(i, r, k, t, o);
}
void add(const AttentionInput<double>& i, const QueryRows& r, RowRange k, const Threads& t, TopKeys& o) {
  HWY_DYNAMIC_DISPATCH(add_keys_f64)(i, r, k, t, o);
}
void add(const AttentionInput<Bf16>& i, const QueryRows& r, RowRange k, const Threads& t, TopKeys& o) {
  HWY_DYNAMIC_DISPATCH(add_keys_bf16)(i, r, k, t, o);
}
void add(const AttentionInput<F16>& i, const QueryRows& r, RowRange k, const Threads& t, TopKeys& o) {
  HWY_DYNAMIC_DISPATCH(add_keys_f16)(i, r, k, t, o);
}

// Query rows of a task: they make up for widening the keys, and packed stay in the second level of cache.
constexpr std::int64_t kBlockRows = 128;
// Where query rows give fewer tasks than this, key ranges give more, each worth its merge. The number of threads must
// not matter: lse would differ in rounding.
constexpr std::int64_t kTasks = 128;
constexpr std::int64_t kLeastKeys = 4096;

}  // namespace
}  // namespace simd

template <class T>
TopKeys top_keys(const AttentionInput<T>& input, std::int64_t count, const Threads& threads) {
  require(count >= 1, ExitStatus::usage, "top keys: a count of " + std::to_string(count) + "; ask for 1 or more");
  require(input.mask.hides_nothing(), ExitStatus::usage, "top keys are found without a mask: give one that hides none");
  const HeadShape& shape = input.shape;
  const std::int64_t rows = input.queries.rows * (shape.heads / shape.kv_heads), keys = input.keys.rows;
  const std::int64_t blocks = (rows + simd::kBlockRows - 1) / simd::kBlockRows;
  const std::int64_t per_range = std::max<std::int64_t>(blocks * shape.kv_heads, 1);
  const std::int64_t most_ranges = std::max<std::int64_t>(simd::kTasks / per_range, 1);
  const std::int64_t ranges = std::clamp<std::int64_t>(keys / simd::kLeastKeys, 1, most_ranges);
  std::vector<TopKeys> found;
  for (std::int64_t range = 0; range < ranges; ++range) found.emplace_back(input.queries.rows * shape.heads, count);

  threads.parallel_for(ranges * blocks * shape.kv_heads, [&](std::int64_t task) {
    const std::int64_t range = task / per_range, kv_head = task % per_range / blocks;
    const RowRange block = row_range(rows, blocks, task % blocks);
    simd::add(input, {shape, kv_head, block.begin, block.size()}, row_range(keys, ranges, range), threads,
              found[static_cast<std::size_t>(range)]);
  });
  TopKeys& out = found.front();
  threads.parallel_for(ranges > 1 ? threads.count() : 0, [&](std::int64_t part) {
    const RowRange mine = row_range(out.rows(), threads.count(), part);
    for (std::size_t other = 1; other < found.size(); ++other) merge(out, found[other], mine);
  });
  return std::move(out);
}

template TopKeys top_keys(const AttentionInput<float>&, std::int64_t, const Threads&);
template TopKeys top_keys(const AttentionInput<double>&, std::int64_t, const Threads&);
template TopKeys top_keys(const AttentionInput<Bf16>&, std::int64_t, const Threads&);
template TopKeys top_keys(const AttentionInput<F16>&, std::int64_t, const Threads&);

}  // namespace knowscale
#endif  // HWY_ONCE

// SPDX-License-Identifier: BSD-3-Clause
// The keys that queries attend to most, against a plain sort of all scores, on every instruction set: all formats, odd
// sizes, ties, shards, and scores chosen to hurt.
#include "kernels/every_target.hpp"
#include "kernels/threads.hpp"
#include "kernels/top_keys.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/random.hpp"

namespace knowscale {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum class Numbers { normal, whole };  // whole: from -2 to 2, so that scores are exact and many are equal

template <class T>
struct Inputs {
  HeadShape shape;
  Matrix<T> queries, keys;
  Mask mask;
  TileSizes tiles;
  double scale = 0.3;  // no power of two: when scores are scaled matters to their last bit

  Inputs(std::int64_t n, std::int64_t m, HeadShape heads, Numbers numbers = Numbers::normal)
      : shape(heads), queries(n, heads.heads * heads.key_dim), keys(m, heads.kv_heads * heads.key_dim) {
    fill(queries, Draw::queries, numbers);
    fill(keys, Draw::keys, numbers);
  }
  AttentionInput<T> view() const { return {queries.view(), keys.view(), {}, shape, scale, mask, tiles}; }
  // Of these keys alone.
  AttentionInput<T> shard(RowRange range) const {
    AttentionInput<T> input = view();
    input.keys = input.keys.slice_rows(range);
    return input;
  }

 private:
  static void fill(Matrix<T>& matrix, Draw draw, Numbers numbers) {
    std::vector<double> row(static_cast<std::size_t>(matrix.cols()));
    for (std::int64_t i = 0; i < matrix.rows(); ++i) {
      fill_normal(11, draw, i, row);
      for (std::int64_t j = 0; j < matrix.cols(); ++j) {
        const double x = row[static_cast<std::size_t>(j)];
        matrix(i, j) = static_cast<T>(numbers == Numbers::normal ? x : std::clamp(std::round(x), -2.0, 2.0));
      }
    }
  }
};

// Scores of query `query` of head `head`, summed in the order of the columns.
template <class T>
std::vector<double> scores_of(const AttentionInput<T>& in, std::int64_t query, std::int64_t head) {
  const std::int64_t d = in.shape.key_dim;
  std::vector<double> scores;
  for (std::int64_t k = 0; k < in.keys.rows; ++k) {
    const T* q = in.queries.row(query) + head * d;
    const T* key = in.keys.row(k) + in.shape.kv_head_of(head) * d;
    double sum = 0;
    for (std::int64_t c = 0; c < d; ++c) sum += static_cast<double>(q[c]) * static_cast<double>(key[c]);
    scores.push_back(in.scale * sum);
  }
  return scores;
}

template <class T>
TopKeys sorted(const AttentionInput<T>& in, std::int64_t count) {
  TopKeys out(in.queries.rows * in.shape.heads, count);
  for (std::int64_t row = 0; row < out.rows(); ++row) {
    const std::vector<double> scores = scores_of(in, row / in.shape.heads, row % in.shape.heads);
    std::vector<TopKey> all;
    bool nan = false;
    for (std::size_t k = 0; k < scores.size(); ++k) {
      nan = nan || std::isnan(scores[k]) || scores[k] == kInfinity;
      if (scores[k] > -kInfinity) all.push_back({static_cast<std::int64_t>(k), scores[k]});
    }
    std::stable_sort(all.begin(), all.end(), [](const TopKey& a, const TopKey& b) { return a.score > b.score; });
    std::copy_n(all.begin(), std::min(all.size(), static_cast<std::size_t>(count)), out.row(row));
    long double sum = 0;
    for (const TopKey& key : all) sum += std::exp(static_cast<long double>(key.score) - all.front().score);
    double& lse = out.lse[static_cast<std::size_t>(row)];
    if (!all.empty()) lse = static_cast<double>(all.front().score + std::log(sum));
    if (nan) lse = std::numeric_limits<double>::quiet_NaN();
  }
  return out;
}

void expect_lse(const TopKeys& found, const TopKeys& expected) {
  ASSERT_EQ(found.lse.size(), expected.lse.size());
  for (std::size_t row = 0; row < found.lse.size(); ++row) {
    const double x = found.lse[row], y = expected.lse[row];
    if (std::isfinite(y)) {
      ASSERT_NEAR(x, y, 1e-14 * (1 + std::abs(y))) << "row " << row;
    } else {
      ASSERT_TRUE(std::isnan(y) ? std::isnan(x) : x == y) << "row " << row << ": " << x << ", not " << y;
    }
  }
}

// Scores agree within this: exactly, unless a product of two numbers is rounded where there are no fused operations.
template <class T>
constexpr double kTolerance = std::is_same_v<T, double> ? 1e-14 : 0;

void expect_keys(const TopKeys& found, const TopKeys& expected, double tolerance) {
  ASSERT_EQ(found.count, expected.count);
  ASSERT_EQ(found.keys.size(), expected.keys.size());
  for (std::size_t i = 0; i < found.keys.size(); ++i) {
    const TopKey &a = found.keys[i], &b = expected.keys[i];
    ASSERT_EQ(a.key, b.key) << "place " << i << " of " << found.count << " a row, scores " << a.score << ' ' << b.score;
    ASSERT_TRUE(a.score == b.score || std::abs(a.score - b.score) <= tolerance * (1 + std::abs(b.score)))
        << "place " << i << ", key " << a.key << ": " << a.score << ", not " << b.score;
  }
}

void expect_same_bits(const TopKeys& found, const TopKeys& expected) {
  expect_keys(found, expected, 0);
  for (std::size_t row = 0; row < expected.lse.size(); ++row) ASSERT_EQ(found.lse[row], expected.lse[row]) << row;
}

// Calls body(T{}) for every format.
template <class Body>
void for_every_format(const Body& body) {
  for (const Precision precision : kUnscaled) {
    SCOPED_TRACE(std::string(name_of(precision)));
    with_type_of(precision, body);
  }
}

template <class T>
void expect_like_sorted(const Inputs<T>& in, std::int64_t count, double tolerance = kTolerance<T>) {
  SCOPED_TRACE("n " + std::to_string(in.queries.rows()) + " m " + std::to_string(in.keys.rows()) + " d " +
               std::to_string(in.shape.key_dim) + " count " + std::to_string(count));
  const TopKeys expected = sorted(in.view(), count);
  for_every_target([&] {
    const TopKeys found = top_keys(in.view(), count, Threads(1));
    expect_keys(found, expected, tolerance);
    expect_lse(found, expected);
  });
}

// Lanes and blocks with a rest, grouped heads, fewer keys than are asked for, none.
TEST(TopKeys, MatchASortForAllFormatsShapesAndTargets) {
  for_every_format([]<class T>(T) {
    for (const HeadShape shape : {HeadShape{1, 1, 1, 1}, HeadShape{1, 1, 40, 1}, HeadShape{3, 3, 7, 5},
                                  HeadShape{6, 2, 16, 9}, HeadShape{2, 1, 33, 1}}) {
      for (const std::int64_t n : {1, 6, 37}) {
        for (const std::int64_t m : {0, 1, 17, 128, 403}) {
          for (const std::int64_t count : {1, 5, 200}) expect_like_sorted(Inputs<T>(n, m, shape), count);
        }
      }
    }
  });
}

TEST(TopKeys, ManyQueriesFillSeveralTasks) {
  for_every_format([]<class T>(T) { expect_like_sorted(Inputs<T>(150, 300, {2, 1, 8, 8}), 7); });
}

// Scores of whole numbers are exact in every format; of 600 keys many are equal, and some twice the same.
TEST(TopKeys, TiesGoToTheSmallerKey) {
  for_every_format([]<class T>(T) {
    for (const std::int64_t count : {1, 3, 16, 100, 599}) {
      Inputs<T> in(9, 600, {2, 2, 3, 3}, Numbers::whole);
      for (std::int64_t k = 300; k < 600; ++k) std::copy_n(in.keys.row(k - 300), in.keys.cols(), in.keys.row(k));
      expect_like_sorted(in, count, 0);
      for (std::int64_t k = 0; k < 600; ++k) std::fill_n(in.keys.row(k), in.keys.cols(), static_cast<T>(1.0f));
      expect_like_sorted(in, count, 0);
    }
  });
}

// Numbers whose sum depends on how it is rounded: copies of one key must still tie, whichever row of a tile, block or
// range they are in, on every instruction set.
TEST(TopKeys, CopiesOfAKeyTieWhereverTheyLie) {
  for_every_target([] {
    for_every_format([]<class T>(T) {
      Inputs<T> in(5, 9000, {1, 1, 37, 1});
      for (std::int64_t k = 0; k < 9000; ++k) {
        if (k % 3 == 0) std::copy_n(in.keys.row(1), in.keys.cols(), in.keys.row(k));
      }
      const TopKeys found = top_keys(in.view(), 9000, Threads(2));
      for (std::int64_t i = 0; i < 5; ++i) {
        const TopKey* row = found.row(i);
        ASSERT_TRUE(std::is_sorted(row, row + 9000, ranks_before));
        const TopKey* copy = std::find_if(row, row + 9000, [](const TopKey& key) { return key.key == 0; });
        for (std::int64_t k = 0; k < 9000; k = k == 0 ? 1 : k == 1 ? 3 : k + 3, ++copy) {
          ASSERT_EQ(copy->key, k);
          ASSERT_EQ(copy->score, row[copy - row - (k > 0)].score);
        }
      }
    });
  });
}

TEST(TopKeys, RisingAndFallingScoresAreAllSeen) {
  for_every_format([]<class T>(T) {
    for (const int kind : {0, 1, 2}) {
      Inputs<T> in(20, 1000, {1, 1, 1, 1});
      for (std::int64_t i = 0; i < 20; ++i) in.queries(i, 0) = static_cast<T>(i < 10 ? 1.0f : -1.0f);
      for (std::int64_t k = 0; k < 1000; ++k) {
        const std::int64_t place = kind == 0 ? k : kind == 1 ? 999 - k : k % 128 * 8 + k / 128;
        in.keys(k, 0) = static_cast<T>(static_cast<float>(place));
      }
      for (const std::int64_t count : {1, 50}) expect_like_sorted(in, count, 0);
    }
  });
}

TEST(TopKeys, AreTheSameBitsForEveryNumberOfThreadsAndTileSize) {
  for_every_format([]<class T>(T) {
    for (const std::int64_t n : {0, 1, 70, 300}) {
      Inputs<T> in(n, n < 100 ? 13001 : 500, {4, 2, 8, 8});
      const TopKeys expected = top_keys(in.view(), 10, Threads(1)), by_sort = sorted(in.view(), 10);
      expect_keys(expected, by_sort, kTolerance<T>);
      expect_lse(expected, by_sort);
      for (const int threads : {2, 3}) expect_same_bits(top_keys(in.view(), 10, Threads(threads)), expected);
      in.tiles = {3, 5};
      expect_same_bits(top_keys(in.view(), 10, Threads(2)), expected);
    }
  });
}

// The shards of [0, m) with these borders, merged in this order.
template <class T>
TopKeys merged(const Inputs<T>& in, std::int64_t count, const std::vector<RowRange>& shards) {
  TopKeys out(in.queries.rows() * in.shape.heads, count);
  for (const RowRange& range : shards) {
    TopKeys shard = top_keys(in.shard(range), count, Threads(1));
    shift_keys(shard, range.begin);
    merge(out, shard);
  }
  return out;
}

TEST(TopKeys, OfShardsMergeToThoseOfTheWholeInEveryOrder) {
  for_every_format([]<class T>(T) {
    for (const Numbers numbers : {Numbers::normal, Numbers::whole}) {
      for (const std::int64_t count : {1, 8, 250}) {
        const Inputs<T> in(13, 700, {2, 1, 5, 5}, numbers);
        const TopKeys whole = top_keys(in.view(), count, Threads(1));
        std::vector<RowRange> shards = {{0, 1}, {1, 1}, {1, 130}, {130, 330}, {330, 700}};
        for (int turn = 0; turn < 5; ++turn) {
          const TopKeys found = merged(in, count, shards);
          expect_keys(found, whole, 0);
          expect_lse(found, whole);
          std::rotate(shards.begin(), shards.begin() + 2, shards.end());
        }
      }
    }
  });
}

TEST(TopKeys, MergeIsAssociativeAndItsIdentityChangesNothing) {
  const Inputs<double> in(6, 90, {1, 1, 2, 2}, Numbers::whole);
  std::vector<TopKeys> parts;
  for (std::int64_t part = 0; part < 3; ++part) {
    parts.push_back(top_keys(in.shard({30 * part, 30 * part + 30}), 20, Threads(1)));
    shift_keys(parts.back(), 30 * part);
  }
  TopKeys left = parts[0], right = parts[1];
  merge(left, parts[1]);
  merge(left, parts[2]);
  merge(right, parts[2]);
  merge(right, parts[0]);
  expect_keys(left, right, 0);
  expect_lse(left, right);

  TopKeys same = left, none(6, 20);
  merge(same, none);
  expect_same_bits(same, left);
  merge(none, left);
  expect_same_bits(none, left);
}

TEST(TopKeys, OfTwoEmptyShardsAreNone) {
  const Inputs<float> in(3, 0, {2, 1, 4, 4});
  TopKeys a = top_keys(in.view(), 4, Threads(1));
  merge(a, top_keys(in.view(), 4, Threads(1)));
  for (const TopKey& key : a.keys) EXPECT_EQ(key, TopKey());
  for (const double lse : a.lse) EXPECT_EQ(lse, -kInfinity);
}

TEST(TopKeys, AShiftLeavesPlacesWithoutAKey) {
  const Inputs<float> in(1, 1, {1, 1, 4, 4});
  TopKeys shifted = top_keys(in.view(), 2, Threads(1));
  shift_keys(shifted, 100);
  EXPECT_EQ(shifted.keys[0].key, 100);
  EXPECT_EQ(shifted.keys[1], TopKey());
}

TEST(TopKeys, MergeOfSomeRowsLeavesTheOthers) {
  const Inputs<float> in(4, 20, {1, 1, 4, 4});
  const TopKeys from = top_keys(in.view(), 3, Threads(1)), none(4, 3);
  TopKeys into = none;
  merge(into, from, {1, 3});
  for (std::int64_t i = 0; i < 4; ++i) {
    const TopKeys& expected = i == 1 || i == 2 ? from : none;
    EXPECT_TRUE(std::equal(into.row(i), into.row(i) + 3, expected.row(i))) << i;
    EXPECT_EQ(into.lse[static_cast<std::size_t>(i)], expected.lse[static_cast<std::size_t>(i)]) << i;
  }
}

// Scores up to +-1e5, the maximum wherever it is: rising from block to block, falling, or standing out once.
TEST(TopKeys, LseFollowsTheMaximumWhereverItIs) {
  for_every_format([]<class T>(T) {
    for (const double largest : {40.0, 1e3, 1e5}) {
      for (const int kind : {0, 1, 2, 3}) {
        Inputs<T> in(5, 900, {1, 1, 16, 16});
        in.scale = largest / 256;  // as F16 holds no 1e5
        for (std::int64_t i = 0; i < 5; ++i) {
          for (std::int64_t c = 0; c < 16; ++c) in.queries(i, c) = static_cast<T>(c > 0 ? 0.0f : i < 3 ? 1.0f : -1.0f);
        }
        for (std::int64_t k = 0; k < 900; ++k) {
          const double place = static_cast<double>(k) / 899;
          const double score = kind == 0 ? place : kind == 1 ? 1 - place : kind == 2 ? (k == 777) : -1.0;
          in.keys(k, 0) = static_cast<T>(256 * score);
        }
        expect_like_sorted(in, 6, 0);
      }
    }
  });
}

TEST(TopKeys, KeysOfScoreMinusInfinityAreNotListed) {
  for (const int seen : {0, 4}) {
    Inputs<float> in(7, 300, {1, 1, 8, 8});
    for (std::int64_t i = 0; i < 7; ++i) in.queries(i, 3) = 1.0f;
    for (std::int64_t k = 0; k < 300; ++k) {
      if (k < 200 || k >= 200 + seen) in.keys(k, 3) = -std::numeric_limits<float>::infinity();
    }
    expect_like_sorted(in, 9);
    const TopKeys found = top_keys(in.view(), 9, Threads(1));
    for (std::int64_t i = 0; i < 7; ++i) {
      EXPECT_EQ(found.row(i)[seen], TopKey());
      EXPECT_EQ(std::isfinite(found.lse[static_cast<std::size_t>(i)]), seen > 0);
    }
  }
}

TEST(TopKeys, NaNInAQueryStaysInItsRow) {
  for_every_target([] {
    for_every_format([]<class T>(T) {
      for (const std::int64_t n : {2, 40}) {
        Inputs<T> in(n, 300, {1, 1, 8, 8});
        const TopKeys clean = top_keys(in.view(), 5, Threads(1));
        in.queries(1, 3) = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
        if constexpr (std::is_same_v<T, float>) in.queries(1, 3) = std::bit_cast<float>(0x7fc00001u);
        TopKeys found = top_keys(in.view(), 5, Threads(2));
        for (std::int64_t i = 0; i < n; ++i) {
          const double lse = found.lse[static_cast<std::size_t>(i)];
          if (i == 1) {
            EXPECT_EQ(found.row(i)[0], TopKey());
            EXPECT_TRUE(std::isnan(lse));
          } else {
            EXPECT_TRUE(std::equal(found.row(i), found.row(i) + 5, clean.row(i))) << i;
            EXPECT_EQ(lse, clean.lse[static_cast<std::size_t>(i)]) << i;
          }
        }
        TopKeys other = clean;
        merge(other, found);
        merge(found, TopKeys(n, 5));
        for (const TopKeys* top : {&other, &found}) EXPECT_TRUE(std::isnan(top->lse[1]) && !std::isnan(top->lse[0]));
      }
    });
  });
}

TEST(TopKeys, NaNInAKeyLeavesTheOtherKeysOfARow) {
  for (const float bad : {std::bit_cast<float>(0x7fc00001u), std::numeric_limits<float>::infinity()}) {
    for (const std::int64_t place : {0, 123, 299}) {
      Inputs<float> in(20, 300, {1, 1, 8, 8});
      for (std::int64_t i = 0; i < 20; ++i) in.queries(i, 3) = 1.0f;
      in.keys(place, 3) = bad;
      for (const std::int64_t count : {2, 300}) expect_like_sorted(in, count);
    }
  }
}

TEST(TopKeys, RefuseMasksCountsBelowOneAndMergesOfOtherSizes) {
  Inputs<float> in(2, 3, {1, 1, 4, 4});
  EXPECT_THROW(top_keys(in.view(), 0, Threads(1)), Error);
  in.mask.causal = true;
  EXPECT_THROW(top_keys(in.view(), 1, Threads(1)), Error);
  TopKeys into(2, 3);
  EXPECT_THROW(merge(into, TopKeys(2, 4)), Error);
  EXPECT_THROW(merge(into, TopKeys(3, 3)), Error);
}

}  // namespace
}  // namespace knowscale

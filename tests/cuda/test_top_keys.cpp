// SPDX-License-Identifier: BSD-3-Clause
// The keys that queries attend to most, against a sorted list: keys and scores to the bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "kernels/cuda/top_keys/top_keys.hpp"
#include "on_device.hpp"
#include "orders.hpp"
#include "random_numbers.hpp"

namespace knowscale::cuda {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum class Numbers { normal, whole };  // whole: from -2 to 2, so that scores are exact and many are equal

template <class T>
struct Inputs {
  HeadShape shape;
  Matrix<T> queries, keys;
  double scale = 0.3;  // no power of two: when scores are scaled matters to their last bit

  Inputs(std::int64_t n, std::int64_t m, HeadShape heads, Numbers numbers = Numbers::normal)
      : shape(heads), queries(n, heads.heads * heads.key_dim), keys(m, heads.kv_heads * heads.key_dim) {
    fill(queries, 11, numbers);
    fill(keys, 12, numbers);
  }

 private:
  static void fill(Matrix<T>& matrix, std::uint32_t seed, Numbers numbers) {
    std::vector<double> row(static_cast<std::size_t>(matrix.cols()));
    for (std::int64_t i = 0; i < matrix.rows(); ++i) {
      fill_normal(seed, i, row);
      for (std::int64_t j = 0; j < matrix.cols(); ++j) {
        const double x = row[static_cast<std::size_t>(j)];
        matrix(i, j) = static_cast<T>(numbers == Numbers::normal ? x : std::clamp(std::round(x), -2.0, 2.0));
      }
    }
  }
};

void expect_same(const TopKeys& found, const TopKeys& expected) {
  ASSERT_EQ(found.count, expected.count);
  ASSERT_EQ(found.rows(), expected.rows());
  for (std::size_t i = 0; i < found.keys.size(); ++i) {
    const TopKey &a = found.keys[i], &b = expected.keys[i];
    const auto place = std::to_string(i / static_cast<std::size_t>(found.count)) + ": " +
                       std::to_string(i % static_cast<std::size_t>(found.count));
    ASSERT_EQ(a.key, b.key) << place;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(a.score), std::bit_cast<std::uint64_t>(b.score)) << place;
  }
  for (std::size_t row = 0; row < found.lse.size(); ++row) {
    const double a = found.lse[row], b = expected.lse[row];
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    ASSERT_NEAR(a, b, 1e-13 * (1 + std::abs(b))) << row;
  }
}

// Scores of one row in the order of the keys.
template <class T>
std::vector<TopKey> all_scores(const AttentionInput<T>& in, std::int64_t query, std::int64_t head) {
  const std::int64_t d = in.shape.key_dim;
  std::vector<TopKey> all;
  for (std::int64_t k = 0; k < in.keys.rows; ++k) {
    double sum = 0;
    for (std::int64_t c = 0; c < d; ++c) {
      sum = std::fma(static_cast<double>(in.queries(query, head * d + c)),
                     static_cast<double>(in.keys(k, in.shape.kv_head_of(head) * d + c)), sum);
    }
    all.push_back({k, sum * in.scale});
  }
  return all;
}

// The plain way, as kernels/top_keys.hpp defines it.
template <class T>
TopKeys sorted(const AttentionInput<T>& in, std::int64_t count) {
  TopKeys out(in.queries.rows * in.shape.heads, count);
  for (std::int64_t row = 0; row < out.rows(); ++row) {
    std::vector<TopKey> all = all_scores(in, row / in.shape.heads, row % in.shape.heads);
    const std::size_t keys = all.size();
    std::erase_if(all, [](const TopKey& key) { return std::isnan(key.score); });
    const bool is_nan = all.size() < keys;
    std::erase_if(all, [](const TopKey& key) { return key.score == -kInfinity; });
    std::sort(all.begin(), all.end(), ranks_before);
    std::copy_n(all.begin(), std::min(count, static_cast<std::int64_t>(all.size())), out.row(row));
    long double weights = 0;
    for (const TopKey& key : all) weights += std::exp(static_cast<long double>(key.score - all.front().score));
    double& lse = out.lse[static_cast<std::size_t>(row)];
    if (!all.empty()) lse = all.front().score + static_cast<double>(std::log(weights));
    if (is_nan) lse = std::numeric_limits<double>::quiet_NaN();
  }
  return out;
}

// For each of these counts, in every order. No split: the one that is chosen.
template <class T>
void expect_sorted(const Inputs<T>& in, const std::vector<std::int64_t>& counts, const TopKeysSplit* split = nullptr,
                   std::int64_t gap = 0) {
  SCOPED_TRACE(std::to_string(in.queries.rows()) + " queries, " + std::to_string(in.keys.rows()) + " keys");
  const AttentionInput<T> host = {in.queries.view(), in.keys.view(), {}, in.shape, in.scale};
  const DeviceMatrix<T> queries(in.queries.view(), gap), keys(in.keys.view(), 2 * gap);
  const AttentionInput<T> device = {queries.view(), keys.view(), {}, in.shape, in.scale};
  TopKeysScratch scratch;
  const Stream stream;
  for (const std::int64_t count : counts) {
    SCOPED_TRACE(std::to_string(count) + " asked for");
    const TopKeys expected = sorted(host, count);
    for_every_order([&] {
      expect_same(split == nullptr ? top_keys(device, count, scratch, stream)
                                   : top_keys(device, count, *split, scratch, stream),
                  expected);
    });
  }
}

template <class T>
void check_format() {
  expect_sorted(Inputs<T>(3, 0, {2, 1, 5, 0}), {1, 4});
  expect_sorted(Inputs<T>(1, 1, {1, 1, 1, 0}), {1, 2});
  expect_sorted(Inputs<T>(2, 70, {4, 2, 17, 0}), {1, 7, 70, 75}, nullptr, 3);
  expect_sorted(Inputs<T>(9, 130, {8, 1, 33, 0}), {5});  // 72 rows of one key/value head
  expect_sorted(Inputs<T>(1, 1100, {3, 3, 16, 0}), {40});
}

TEST(DeviceTopKeys, MatchTheDefinitionF32) { check_format<float>(); }
TEST(DeviceTopKeys, MatchTheDefinitionF64) { check_format<double>(); }
TEST(DeviceTopKeys, MatchTheDefinitionBf16) { check_format<Bf16>(); }
TEST(DeviceTopKeys, MatchTheDefinitionF16) { check_format<F16>(); }

TEST(DeviceTopKeys, ChunksAndTheirEnds) {
  for (const std::int64_t m : {1023, 1024, 1025, 2049}) expect_sorted(Inputs<float>(1, m, {2, 1, 3, 0}), {1, 700});
}

TEST(DeviceTopKeys, AllKeysOfAShard) { expect_sorted(Inputs<float>(1, 3000, {1, 1, 4, 0}), {3000, 2999}); }

TEST(DeviceTopKeys, TiesGoToTheSmallerKey) {
  expect_sorted(Inputs<float>(2, 2500, {2, 1, 3, 0}, Numbers::whole), {1, 10, 1500});
  Inputs<float> same(1, 1500, {1, 1, 2, 0});
  std::fill_n(same.keys.data(), same.keys.size(), 1.0f);
  expect_sorted(same, {1, 20, 1100});
}

// Every key enters the list, at its head; or none after the first chunk.
TEST(DeviceTopKeys, OfKeysInOrder) {
  Inputs<float> in(1, 2500, {2, 1, 1, 0});
  in.queries(0, 0) = 1, in.queries(0, 1) = -1;
  for (std::int64_t k = 0; k < 2500; ++k) in.keys(k, 0) = static_cast<float>(k) - 1000;
  expect_sorted(in, {1, 30, 900});
}

TEST(DeviceTopKeys, OfLargeScoresAndOneThatDominates) {
  Inputs<float> in(2, 1200, {2, 2, 6, 0});
  in.scale = 1e5;
  expect_sorted(in, {3});
  in.scale = 1;
  for (std::int64_t j = 0; j < 12; ++j) in.keys(1100, j) = 1e4f * in.queries(0, j);
  expect_sorted(in, {1, 3});
}

// Of four rows one has a NaN, one +inf, one only -inf, one some of them.
TEST(DeviceTopKeys, OfNumbersThatAreNone) {
  Inputs<float> in(4, 1100, {1, 1, 1, 0});
  const auto infinity = std::numeric_limits<float>::infinity();
  for (std::int64_t k = 0; k < 1100; ++k) in.keys(k, 0) = 1 + static_cast<float>(k % 13);
  in.queries(0, 0) = std::numeric_limits<float>::quiet_NaN();
  in.queries(1, 0) = infinity, in.queries(2, 0) = -infinity, in.queries(3, 0) = 2;
  expect_sorted(in, {1, 5});
  in.keys(1050, 0) = -infinity, in.keys(0, 0) = 0;
  in.queries(0, 0) = 1;
  expect_sorted(in, {1, 5, 1100});
  in.keys(3, 0) = std::numeric_limits<float>::quiet_NaN();
  expect_sorted(in, {5, 1099});
  for (std::int64_t k = 0; k < 1100; ++k) in.keys(k, 0) = -infinity;
  in.queries(1, 0) = 3;
  expect_sorted(in, {2});
}

// A sum whose last product rounds to -0, after which no column may come.
TEST(DeviceTopKeys, KeepTheSignOfZero) {
  Inputs<double> in(1, 2, {1, 1, 3, 0});
  for (std::int64_t j = 0; j < 3; ++j) in.queries(0, j) = -1e-200, in.keys(0, j) = in.keys(1, j) = 1e-200;
  expect_sorted(in, {2});
}

TEST(DeviceTopKeys, DoNotDependOnTheSplit) {
  const Inputs<float> in(5, 1300, {2, 1, 5, 0});
  for (const TopKeysSplit split : {TopKeysSplit{2, 1}, TopKeysSplit{5, 2}, TopKeysSplit{3, 3}}) {
    expect_sorted(in, {6}, &split);
  }
  const TopKeysSplit more_ranges_than_keys = {4, 9};
  expect_sorted(Inputs<float>(5, 7, {2, 1, 5, 0}), {3, 8}, &more_ranges_than_keys);
}

TEST(DeviceTopKeys, AreFoundInTheRangesThatAreChosen) {
  static_assert(split_top_keys(1, 12400, 1, 3).ranges == 3);
  expect_sorted(Inputs<Bf16>(1, 12400, {1, 1, 2, 0}), {3});
}

TEST(DeviceTopKeys, RejectWhatTheHostRejects) {
  const Inputs<float> in(1, 3, {1, 1, 2, 0});
  const DeviceMatrix<float> queries(in.queries.view()), keys(in.keys.view());
  AttentionInput<float> device = {queries.view(), keys.view(), {}, in.shape, 1};
  TopKeysScratch scratch;
  const Stream stream;
  EXPECT_THROW(top_keys(device, 0, scratch, stream), Error);
  device.mask.causal = true;
  EXPECT_THROW(top_keys(device, 1, scratch, stream), Error);
}

TEST(DeviceTopKeys, SplitsAreWithinMemoryAndCoverAll) {
  static_assert(split_top_keys(4096, 1 << 20, 8, 10) == TopKeysSplit{256, 1});  // 2048 rows
  static_assert(split_top_keys(1, 1 << 22, 1, 10) == TopKeysSplit{1, 1024});
  static_assert(split_top_keys(16, 1 << 22, 4, 10) == TopKeysSplit{16, 16});
  static_assert(split_top_keys(4096, 1 << 20, 1, 1 << 20) == TopKeysSplit{4, 1});   // lists are what is large
  static_assert(split_top_keys(1, 1 << 20, 64, 1 << 20) == TopKeysSplit{1, 1});     // one query at least
  static_assert(split_top_keys(1, 1000000000, 1, 10000000) == TopKeysSplit{1, 1});  // one list that is larger
  static_assert(split_top_keys(0, 5, 1, 1) == TopKeysSplit{1, 1});
  for (const std::int64_t m : {1, 7, 1024, 5000}) {
    for (const std::int64_t ranges : {1, 2, 9}) {
      std::int64_t next = 0;
      for (std::int64_t range = 0; range < ranges; ++range) {
        for (std::int64_t step = 0; step < 6; ++step) {
          const RowRange chunk = top_keys_chunk(m, ranges, range, step);
          EXPECT_EQ(chunk.begin, next);
          EXPECT_LE(chunk.size(), kTopKeysChunk);
          next = chunk.end;
        }
      }
      EXPECT_EQ(next, m);
    }
  }
}

}  // namespace
}  // namespace knowscale::cuda

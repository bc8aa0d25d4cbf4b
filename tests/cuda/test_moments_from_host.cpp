// SPDX-License-Identifier: BSD-3-Clause
// Moments of rows of the host: all kinds and heads of every chunk, whether rows are kept on the device or not.
#include "kernels/cuda/moments/from_host.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "core/random.hpp"
#include "kernels/cuda/cuda.hpp"

namespace knowscale::cuda {
namespace {

constexpr std::int64_t kRows = 37, kChunk = 16, kHeads = 2, kWidth = 6;
constexpr HeadShape kShape = {4, kHeads, kWidth, kWidth};
constexpr MomentKind kKinds[] = {
    {MomentWeight::metric, true}, {MomentWeight::map, false}, {MomentWeight::plain, false}};
constexpr std::int64_t kSumRows = 3 * kHeads * kWidth;

template <class T>
struct Knowledge {
  Matrix<T> keys{kRows, kHeads*kWidth}, values{kRows, kHeads*kWidth};

  Knowledge() {
    std::vector<double> row(kHeads * kWidth);
    for (std::int64_t k = 0; k < kRows; ++k) {
      fill_normal(3, knowscale::Draw::keys, k, row);
      for (std::size_t j = 0; j < row.size(); ++j) keys(k, static_cast<std::int64_t>(j)) = static_cast<T>(row[j]);
      fill_normal(3, knowscale::Draw::values, k, row);
      for (std::size_t j = 0; j < row.size(); ++j) values(k, static_cast<std::int64_t>(j)) = static_cast<T>(row[j]);
    }
  }

  MomentRows<T> rows(RowRange range) const {
    return {keys.view().slice_rows(range), values.view().slice_rows(range), kShape};
  }
  double key(std::int64_t k, std::int64_t column) const { return static_cast<double>(keys(k, column)); }
  double value(std::int64_t k, std::int64_t column) const { return static_cast<double>(values(k, column)); }
};

template <class T>
Matrix<Accumulator<T>> sums_of(const MomentRows<T>& rows, std::int64_t chunk) {
  Matrix<Accumulator<T>> sums((rows.keys.rows + chunk - 1) / chunk * kSumRows, kWidth);
  moments_from_host<T>(rows, kKinds, chunk, sums.view());
  return sums;
}

// By the definition: number (i, j) of the sum of that kind and head over some rows.
template <class T>
double expected(const Knowledge<T>& knowledge, RowRange rows, std::int64_t kind, std::int64_t head, std::int64_t i,
                std::int64_t j) {
  double sum = 0;
  for (std::int64_t k = rows.begin; k < rows.end; ++k) {
    double square = 0;
    for (std::int64_t c = 0; c < kWidth; ++c) square += std::pow(knowledge.key(k, head * kWidth + c), 2);
    const double grown = 1 + square / kWidth, weight = kind == 0 ? 1 / grown : kind == 1 ? 1 / std::sqrt(grown) : 1;
    const std::int64_t column = head * kWidth + j;
    const double other = kind == 0 ? knowledge.key(k, column) : knowledge.value(k, column);
    sum += weight * knowledge.key(k, head * kWidth + i) * other;
  }
  return sum;
}

template <class T>
void expect_sums(const Knowledge<T>& knowledge, RowRange rows, std::int64_t chunk, const Matrix<Accumulator<T>>& sums) {
  const double tolerance = std::is_same_v<T, double> ? 1e-13 : 1e-4;
  for (std::int64_t row = 0; row < sums.rows(); ++row) {
    const std::int64_t begin = rows.begin + row / kSumRows * chunk, of_chunk = row % kSumRows;
    const RowRange some = {begin, std::min(begin + chunk, rows.end)};
    const std::int64_t kind = of_chunk / (kHeads * kWidth), head = of_chunk / kWidth % kHeads, i = of_chunk % kWidth;
    for (std::int64_t j = 0; j < kWidth; ++j) {
      ASSERT_NEAR(static_cast<double>(sums(row, j)), expected(knowledge, some, kind, head, i, j), tolerance)
          << "kind " << kind << " head " << head << " rows from " << begin << ": " << i << ' ' << j;
    }
  }
}

template <class A>
bool same_bits(const Matrix<A>& a, const Matrix<A>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.span().size_bytes()) == 0;
}

template <class T>
class MomentsFromHost : public testing::Test {
 protected:
  void SetUp() override { use_device(0); }
};
using Types = testing::Types<float, double, Bf16, F16>;
TYPED_TEST_SUITE(MomentsFromHost, Types);

TYPED_TEST(MomentsFromHost, AreThoseOfEveryChunkKindAndHead) {
  const Knowledge<TypeParam> knowledge;
  for (const std::int64_t chunk : {kChunk, kRows, 2 * kRows}) {
    expect_sums(knowledge, {0, kRows}, chunk, sums_of(knowledge.rows({0, kRows}), chunk));
  }
}

TYPED_TEST(MomentsFromHost, OfAChunkDependOnItsRowsAlone) {
  const Knowledge<TypeParam> knowledge;
  const auto all = sums_of(knowledge.rows({0, kRows}), kChunk);
  const auto of_two = sums_of(knowledge.rows({kChunk, kRows}), kChunk);
  ASSERT_EQ(all.rows(), 3 * kSumRows);
  EXPECT_EQ(std::memcmp(all.row(kSumRows), of_two.data(), of_two.span().size_bytes()), 0);
}

// Rows that are kept are not copied again: what the host changes later is not seen.
TYPED_TEST(MomentsFromHost, OfKeptRowsAreTakenFromTheirPlace) {
  Knowledge<TypeParam> knowledge;
  const Knowledge<TypeParam> as_it_was;
  const RowRange some = {5, 31};
  const auto copied = sums_of(knowledge.rows(some), kChunk);
  const auto keys = keep_on_device(knowledge.keys.view(), kHeads, kWidth);
  auto values = keep_on_device(knowledge.values.view(), kHeads, kWidth);
  for (TypeParam& x : knowledge.keys.span()) x = TypeParam(9.0f);
  for (TypeParam& x : knowledge.values.span()) x = TypeParam(9.0f);
  const auto kept = sums_of(knowledge.rows(some), kChunk);
  EXPECT_TRUE(same_bits(kept, copied));
  expect_sums(as_it_was, some, kChunk, kept);
  values.reset();  // from here on they are copied, the keys are not
  Knowledge<TypeParam> mixed;
  std::copy_n(knowledge.values.data(), knowledge.values.size(), mixed.values.data());
  expect_sums(mixed, some, kChunk, sums_of(knowledge.rows(some), kChunk));
}

TYPED_TEST(MomentsFromHost, OfKeysThatAreTheirOwnValuesAreSymmetricToTheBit) {
  const Knowledge<TypeParam> knowledge;
  const MomentRows<TypeParam> rows = {knowledge.keys.view(), knowledge.keys.view(), kShape};
  const auto sums = sums_of(rows, kRows);
  for (std::int64_t first = 0; first < sums.rows(); first += kWidth) {
    for (std::int64_t i = 0; i < kWidth; ++i) {
      for (std::int64_t j = 0; j < i; ++j) ASSERT_EQ(sums(first + i, j), sums(first + j, i));
    }
  }
}

TYPED_TEST(MomentsFromHost, CopiesAreTimed) {
  const Knowledge<TypeParam> knowledge;
  Matrix<Accumulator<TypeParam>> sums(kSumRows, kWidth);
  EXPECT_GT(moments_from_host<TypeParam>(knowledge.rows({0, kRows}), kKinds, kRows, sums.view()), 0);
}

TYPED_TEST(MomentsFromHost, OfNoRowsAreNone) {
  const Knowledge<TypeParam> knowledge;
  EXPECT_EQ(sums_of(knowledge.rows({4, 4}), kChunk).rows(), 0);
}

}  // namespace
}  // namespace knowscale::cuda

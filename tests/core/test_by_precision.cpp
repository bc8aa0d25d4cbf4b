// SPDX-License-Identifier: BSD-3-Clause
#include "core/by_precision.hpp"

#include <gtest/gtest.h>

#include <span>
#include <string>

namespace knowscale {
namespace {

template <class T>
using BytesOf = std::size_t(std::span<const T> numbers, int more);

template <class T>
std::size_t bytes(std::span<const T> numbers, int more) {
  return numbers.size_bytes() + static_cast<std::size_t>(more);
}

constinit const ByPrecision<BytesOf> kAll = by_precision<BytesOf>([]<class T>() { return bytes<T>; });
constinit const ByPrecision<BytesOf> kWide =
    by_precision<BytesOf>([]<class T>() { return bytes<T>; }, Numbers<float, double>());

template <class T>
class EachPrecision : public testing::Test {};
using Types = testing::Types<float, double, Bf16, F16>;
TYPED_TEST_SUITE(EachPrecision, Types);

TYPED_TEST(EachPrecision, IsCalledByItsNumbers) {
  const TypeParam numbers[3] = {};
  EXPECT_EQ(kAll(std::span<const TypeParam>(numbers), 1), 3 * bytes_of(precision_of<TypeParam>) + 1);
  EXPECT_TRUE(kAll.has<TypeParam>());
  EXPECT_TRUE(kAll.has(precision_of<TypeParam>));
}

TYPED_TEST(EachPrecision, ThatIsNotThereIsRefusedByName) {
  const bool there = sizeof(TypeParam) > 2;
  EXPECT_EQ(kWide.has<TypeParam>(), there);
  EXPECT_EQ(kWide.has(precision_of<TypeParam>), there);
  if (there) return;
  try {
    kWide(std::span<const TypeParam>(), 0);
    FAIL() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    EXPECT_NE(std::string(error.what()).find(name_of(precision_of<TypeParam>)), std::string::npos) << error.what();
  }
}

TYPED_TEST(EachPrecision, CanBeTheOnlyOneAndBeReplaced) {
  ByPrecision<BytesOf> one = bytes<TypeParam>;
  for (const Precision precision : kUnscaled) EXPECT_EQ(one.has(precision), precision == precision_of<TypeParam>);
  one.template set<TypeParam>(nullptr);
  EXPECT_FALSE(one.template has<TypeParam>());
}

}  // namespace
}  // namespace knowscale

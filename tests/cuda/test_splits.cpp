// SPDX-License-Identifier: BSD-3-Clause
// How keys are divided over a device's multiprocessors, widths padded, and products tiled: no device is asked.
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "kernels/cuda/attention/fused.hpp"
#include "kernels/cuda/attention/task.hpp"
#include "kernels/cuda/attention/two_products.hpp"

namespace knowscale::cuda {
namespace {

TEST(Splits, CoverAllKeysOnce) {
  for (const std::int64_t tiles : {1, 3, 50, 132, 1000}) {
    for (const std::int64_t keys : {1, 63, 64, 65, 5000, 1 << 20, 1 << 22}) {
      for (const int block : {32, 64}) {
        const Splits splits = split_keys(tiles, keys, block, 264);
        ASSERT_GE(splits.count, 1);
        ASSERT_EQ(splits.keys % block, 0);
        ASSERT_GE(std::int64_t{splits.count} * splits.keys, keys) << "a key is left out";
        ASSERT_LT(std::int64_t{splits.count - 1} * splits.keys, keys) << "a split has no key";
      }
    }
  }
}

TEST(Splits, FillTheDeviceWhereTilesDoNot) {
  EXPECT_GE(split_keys(1, 1 << 22, 64, 264).count, 220);
  EXPECT_GE(split_keys(8, 1 << 20, 64, 264).count * 8, 220);
}

TEST(Splits, AreNotMadeWhereTilesFillTheDevice) {
  EXPECT_EQ(split_keys(264, 1 << 20, 64, 264).count, 1);
  EXPECT_EQ(split_keys(2048, 16384, 64, 264).count, 1);
}

TEST(Splits, HaveWorkEnoughToBeWorthMerging) { EXPECT_EQ(split_keys(1, 7 * 64, 64, 264).count, 1); }

TEST(PaddedWidths, AreTheLeastThatThereAreKernelsFor) {
  const auto widths = [](std::int64_t key, std::int64_t value) {
    const PaddedWidths padded = padded_widths(key, value);
    return std::pair(padded.key, padded.value);
  };
  EXPECT_EQ(widths(1, 64), std::pair(64, 64));
  EXPECT_EQ(widths(65, 64), std::pair(128, 64));
  EXPECT_EQ(widths(128, 129), std::pair(128, 256));
  EXPECT_EQ(widths(7, 200), std::pair(128, 256)) << "one is at most twice the other";
  EXPECT_EQ(widths(256, 3), std::pair(256, 128));
  EXPECT_THROW(padded_widths(257, 64), Error);
}

template <class T>
class FusedKernels : public testing::Test {};
using Types = testing::Types<Bf16, F16, float>;
TYPED_TEST_SUITE(FusedKernels, Types);

// 163 KiB: what a block may have on every device that the kernels run on.
TYPED_TEST(FusedKernels, FitEveryDevice) {
  for (const std::int64_t key : {64, 128, 256}) {
    for (const std::int64_t value : {64, 128, 256}) {
      for (const int rows : {1, 16, 17, 4096}) {
        const FusedKernel<TypeParam> kernel = fused_kernel<TypeParam>(rows, padded_widths(key, value));
        EXPECT_NE(kernel.kernel, nullptr);
        EXPECT_LE(kernel.shared_bytes, std::size_t{163} << 10) << key << " " << value << " " << rows;
        EXPECT_EQ(kernel.rows <= 16, rows <= 16) << "few queries have a kernel of their own";
      }
    }
  }
}

TEST(ProductTiles, TakeBoundedMemory) {
  for (const std::int64_t heads : {1, 16, 128}) {
    for (const std::int64_t n : {1, 100, 1 << 20}) {
      const TileSizes tiles = product_tiles({}, heads, n, 1 << 22);
      EXPECT_GE(tiles.queries, 1);
      EXPECT_LE(tiles.queries, n);
      EXPECT_LE(heads * tiles.queries * tiles.keys, std::int64_t{1} << 25);
    }
  }
  EXPECT_EQ(product_tiles({3, 5}, 1, 100, 100).queries, 3);
  EXPECT_EQ(product_tiles({3, 5}, 1, 100, 100).keys, 5);
  EXPECT_EQ(product_tiles({}, 1, 10, 0).keys, 1);
}

}  // namespace
}  // namespace knowscale::cuda

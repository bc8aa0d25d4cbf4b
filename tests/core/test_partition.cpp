// SPDX-License-Identifier: BSD-3-Clause
#include "core/partition.hpp"

#include <gtest/gtest.h>

namespace knowscale {
namespace {

TEST(Partition, RangesTileAllRowsInOrderAndDifferByAtMostOne) {
  for (const std::int64_t rows : {0, 1, 2, 7, 8, 100, 117659}) {
    for (const std::int64_t parts : {1, 2, 3, 5, 7, 8, 200}) {
      std::int64_t next = 0;
      for (std::int64_t part = 0; part < parts; ++part) {
        const RowRange range = row_range(rows, parts, part);
        EXPECT_EQ(range.begin, next);
        EXPECT_GE(range.size(), rows / parts);
        EXPECT_LE(range.size(), rows / parts + 1);
        next = range.end;
      }
      EXPECT_EQ(next, rows);
    }
  }
}

TEST(Partition, LongerRangesComeFirst) {
  EXPECT_EQ(row_range(7, 3, 0), (RowRange{0, 3}));
  EXPECT_EQ(row_range(7, 3, 1), (RowRange{3, 5}));
  EXPECT_EQ(row_range(7, 3, 2), (RowRange{5, 7}));
}

TEST(Partition, HugeCountsDoNotOverflow) {
  const std::int64_t rows = std::int64_t{1} << 60;
  EXPECT_EQ(row_range(rows, 3, 2).end, rows);
}

}  // namespace
}  // namespace knowscale

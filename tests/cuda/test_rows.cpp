// SPDX-License-Identifier: BSD-3-Clause
// The algebra of states on the device against plain loops, and its laws.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/cuda/attention/rows.hpp"
#include "kernels/cuda/runtime/tiles.hpp"
#include "naive_rows.hpp"
#include "on_device.hpp"
#include "orders.hpp"
#include "random_numbers.hpp"

namespace knowscale::cuda {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// Rows, value_dim, gap: one row and many, columns under, at and over whole warps.
struct Size {
  std::int64_t rows, value_dim, gap;
};
constexpr Size kSizes[] = {{1, 1, 0}, {3, 30, 5}, {9, 31, 0}, {17, 64, 1}, {8, 129, 3}};

// Every fifth row is the identity; scores of every third are around `largest`.
Matrix<float> random_states(Size size, std::int64_t seed, double largest = 1e5) {
  Matrix<float> states(size.rows, size.value_dim + 2);
  std::vector<double> numbers(static_cast<std::size_t>(states.cols()));
  for (std::int64_t i = 0; i < size.rows; ++i) {
    fill_normal(7, 1000 * seed + i, numbers);
    const bool identity = (i + seed) % 5 == 4;
    for (std::int64_t j = 0; j < states.cols(); ++j) {
      states(i, j) = identity ? 0.0f : static_cast<float>(numbers[static_cast<std::size_t>(j)]);
    }
    const std::int64_t l = size.value_dim, m = l + 1;
    states(i, l) = identity ? 0.0f : std::abs(states(i, l)) + 1;
    states(i, m) = identity ? -kInfinity : states(i, m) * 4 + (i % 3 == 2 ? static_cast<float>(largest) : 0.0f);
  }
  return states;
}

void expect_close(const Matrix<float>& found, const Matrix<float>& expected, float tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::int64_t i = 0; i < found.rows(); ++i) {
    for (std::int64_t j = 0; j < found.cols(); ++j) {
      const float x = found(i, j), y = expected(i, j);
      if (x == y) continue;  // infinities too
      ASSERT_NEAR(x, y, tolerance * (1 + std::abs(y))) << i << ' ' << j;
    }
  }
}

constexpr float kSame = 0, kRounding = 4e-6f;

TEST(Tiles, CoverAll) {
  static_assert(tiles_of(0, 8) == 0 && tiles_of(1, 8) == 1 && tiles_of(8, 8) == 1 && tiles_of(9, 8) == 2);
  static_assert(blocks_of(17, 8) == 3);
}

TEST(DeviceRows, ClearGivesTheIdentity) {
  for_every_order([] {
    for (const Size size : kSizes) {
      const Stream stream;
      DeviceMatrix<float> rows(size.rows, size.value_dim + 2, size.gap);
      clear(rows.view(), stream);
      stream.wait();
      Matrix<float> expected(size.rows, size.value_dim + 2);
      naive::clear(expected);
      expect_close(rows.download(), expected, kSame);
      EXPECT_TRUE(rows.gaps_are_unwritten());
    }
  });
}

TEST(DeviceRows, MergeMatchesTheDefinition) {
  for_every_order([] {
    for (const Size size : kSizes) {
      const Stream stream;
      Matrix<float> expected = random_states(size, 1);
      const Matrix<float> other = random_states(size, 2);
      DeviceMatrix<float> into(expected.view(), size.gap);
      const DeviceMatrix<float> from(other.view(), 2 * size.gap);
      merge(into.view(), from.view(), stream);
      stream.wait();
      naive::merge(expected, other);
      expect_close(into.download(), expected, kRounding);
      EXPECT_TRUE(into.gaps_are_unwritten());
    }
  });
}

TEST(DeviceRows, MergeCommutesToTheBit) {
  for_every_order([] {
    const Stream stream;
    DeviceMatrix<float> ab(random_states(kSizes[3], 1).view()), ba(random_states(kSizes[3], 2).view());
    merge(ab.view(), DeviceMatrix<float>(random_states(kSizes[3], 2).view()).view(), stream);
    merge(ba.view(), DeviceMatrix<float>(random_states(kSizes[3], 1).view()).view(), stream);
    stream.wait();
    expect_close(ab.download(), ba.download(), kSame);
  });
}

TEST(DeviceRows, IdentityChangesNothingOnEitherSide) {
  for_every_order([] {
    const Stream stream;
    const Matrix<float> states = random_states(kSizes[2], 3);
    Matrix<float> identity(states.rows(), states.cols());
    naive::clear(identity);
    DeviceMatrix<float> left(states.view()), right(identity.view());
    merge(left.view(), DeviceMatrix<float>(identity.view()).view(), stream);
    merge(right.view(), DeviceMatrix<float>(states.view()).view(), stream);
    stream.wait();
    expect_close(left.download(), states, kSame);
    expect_close(right.download(), states, kSame);
  });
}

// The other state's terms vanish below the last bit, and may not leave NaN behind.
TEST(DeviceRows, ADominatingStateStays) {
  for_every_order([] {
    const Stream stream;
    const Matrix<float> low = random_states({5, 40, 0}, 1, 0);
    Matrix<float> high = random_states({5, 40, 0}, 5, 0);
    for (std::int64_t i = 0; i < high.rows(); ++i) high(i, 41) = 1e5f;
    DeviceMatrix<float> into(low.view());
    merge(into.view(), DeviceMatrix<float>(high.view()).view(), stream);
    stream.wait();
    expect_close(into.download(), high, kSame);
  });
}

TEST(DeviceRows, PartsMergeAsOneAfterAnother) {
  for_every_order([] {
    for (const Size size : kSizes) {
      for (const std::int64_t count : {0, 1, 2, 5}) {
        const Stream stream;
        Matrix<float> parts(count * size.rows, size.value_dim + 2);
        DeviceMatrix<float> expected(size.rows, size.value_dim + 2), out(size.rows, size.value_dim + 2, size.gap);
        clear(expected.view(), stream);
        for (std::int64_t part = 0; part < count; ++part) {
          const Matrix<float> states = random_states(size, 3 + part);
          std::copy_n(states.data(), states.size(), parts.row(part * size.rows));
          merge(expected.view(), DeviceMatrix<float>(states.view()).view(), stream);
        }
        DeviceMatrix<float> on_device(parts.view());
        merge_parts(on_device.data(), count, out.view(), stream);
        stream.wait();
        expect_close(out.download(), expected.download(), kSame);
        EXPECT_TRUE(out.gaps_are_unwritten());
      }
    }
  });
}

TEST(DeviceRows, MaximaAreReadAndRowsRescaledToThem) {
  for_every_order([] {
    for (const Size size : kSizes) {
      const Stream stream;
      Matrix<float> expected = random_states(size, 1);
      const Matrix<float> other = random_states(size, 4);
      DeviceMatrix<float> rows(expected.view(), size.gap), maxima(1, size.rows);
      read_maxima(rows.view(), maxima.data(), stream);
      stream.wait();
      Matrix<float> agreed = maxima.download();
      for (std::int64_t i = 0; i < size.rows; ++i) {
        ASSERT_EQ(agreed(0, i), expected(i, size.value_dim + 1));
        agreed(0, i) = std::max(agreed(0, i), other(i, size.value_dim + 1));
        if (i % 4 == 1) agreed(0, i) += 2e5f;  // nothing is left of the row
      }
      DeviceMatrix<float> to(agreed.view());
      rescale(rows.view(), to.data(), stream);
      stream.wait();
      naive::rescale(expected, agreed);
      expect_close(rows.download(), expected, kRounding);
      EXPECT_TRUE(rows.gaps_are_unwritten());
    }
  });
}

TEST(DeviceRows, RescaleToTheirOwnMaximaChangesNothing) {
  for_every_order([] {
    const Stream stream;
    const Matrix<float> states = random_states(kSizes[3], 1);
    DeviceMatrix<float> rows(states.view()), maxima(1, states.rows());
    read_maxima(rows.view(), maxima.data(), stream);
    rescale(rows.view(), maxima.data(), stream);
    stream.wait();
    expect_close(rows.download(), states, kSame);
  });
}

TEST(DeviceRows, NormaliseDividesAndGivesZeroForNoKeys) {
  for_every_order([] {
    for (const Size size : kSizes) {
      const Stream stream;
      const Matrix<float> states = random_states(size, 2);
      const Matrix<float> expected = naive::normalised(states);
      const DeviceMatrix<float> rows(states.view(), size.gap);
      DeviceMatrix<float> out(size.rows, size.value_dim, size.gap);
      normalise(rows.view(), out.view(), stream);
      stream.wait();
      expect_close(out.download(), expected, 2e-7f);
      EXPECT_TRUE(out.gaps_are_unwritten());
    }
  });
}

TEST(DeviceRows, NoRowsAreNoWork) {
  const Stream stream;
  DeviceMatrix<float> none(0, 5);
  clear(none.view(), stream);
  merge(none.view(), none.view(), stream);
  merge_parts(none.data(), 3, none.view(), stream);
  read_maxima(none.view(), none.data(), stream);
  rescale(none.view(), none.data(), stream);
  normalise(none.view(), DeviceMatrix<float>(0, 3).view(), stream);
  stream.wait();
}

}  // namespace
}  // namespace knowscale::cuda

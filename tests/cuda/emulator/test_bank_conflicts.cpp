// SPDX-License-Identifier: BSD-3-Clause
// Loads of matrices from the tiles of the fused kernels meet in no bank of shared memory.
#include <gtest/gtest.h>
#include <launch.cuh>

#include "core/half.hpp"
#include "emulator.hpp"
#include "kernels/cuda/attention/warp_products.cuh"

namespace knowscale::cuda {
namespace {

template <int Dim>
void score_and_weigh(int) {
  WarpTile<1, 32> scores = {};
  WarpTile<1, Dim> sums = {};
  WarpProducts<Bf16>::template score<Dim, 1, 32>(shared_memory(), shared_memory(), scores);
  WarpProducts<Bf16>::template weigh<Dim, 1, 32>(scores, shared_memory(), sums);
}

// Every lane reads row `lane` of an unswizzled tile: eight lanes meet in one bank.
void read_a_column(int) {
  std::uint32_t words[4];
  load_matrices(words, shared_memory() + lane_index() * 128);
}

std::int64_t conflicts_of(void (*kernel)(int), std::size_t shared_bytes) {
  const Stream stream;
  emulator::take_bank_conflicts();
  launch(kernel, {dim3(1), dim3(32), shared_bytes}, stream, 0);
  return emulator::take_bank_conflicts();
}

TEST(BankConflicts, SwizzledTilesHaveNone) {
  EXPECT_EQ(conflicts_of(score_and_weigh<64>, 32 * 128), 0);
  EXPECT_EQ(conflicts_of(score_and_weigh<128>, 32 * 256), 0);
  EXPECT_EQ(conflicts_of(score_and_weigh<256>, 32 * 512), 0);
}

TEST(BankConflicts, AreCounted) { EXPECT_EQ(conflicts_of(read_a_column, 32 * 128), 28); }

// Lanes (g, t) read (g, t) of keys and (2t, g) of values: 32 words in 32 banks.
TEST(BankConflicts, PaddedTilesHaveNone) {
  const auto banks = [](int row_of_g, int row_of_t, int stride) {
    unsigned used = 0;
    for (int g = 0; g < 8; ++g) {
      for (int t = 0; t < 4; ++t) used |= 1u << (row_of_g == 1 ? g * stride + t : row_of_t * t * stride + g) % 32;
    }
    return used;
  };
  for (const int stride : {PaddedTile<64>::kStride, PaddedTile<128>::kStride, PaddedTile<256>::kStride}) {
    EXPECT_EQ(banks(1, 0, stride), 0xffffffffu);
    EXPECT_EQ(banks(0, 2, stride), 0xffffffffu);
  }
}

}  // namespace
}  // namespace knowscale::cuda

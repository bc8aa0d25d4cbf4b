// SPDX-License-Identifier: BSD-3-Clause
// The device's kernels as the kernel table has them: matrices of the host in, states of the host out.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "core/error.hpp"
#include "cuda/naive_attention.hpp"
#include "cuda/orders.hpp"
#include "kernels/cuda/cuda.hpp"
#include "kernels/key_source.hpp"
#include "kernels/threads.hpp"

namespace knowscale::cuda {
namespace {

template <class T>
AttentionInput<T> input_of(const Problem<T>& p) {
  const Shape& s = p.shape;
  AttentionInput<T> input = {
      p.queries.view(), p.keys.view(), p.values.view(), {s.heads, s.kv_heads, s.key_dim, s.value_dim}, p.scale};
  input.mask.causal = p.causal;
  input.mask.first_query = p.offset;
  input.mask.visible = p.visible;
  return input;
}

template <class T>
std::vector<Kernel> kernels_for() {
  std::vector<Kernel> all(kernels().begin(), kernels().end());
  std::erase_if(all, [](const Kernel& kernel) { return !kernel.compute.has<T>(); });
  return all;
}

template <class T>
double tolerance_of(const Kernel& kernel) {
  return kTolerance<T> + 8 * kernel.roundings[static_cast<std::size_t>(precision_of<T>)].factors;
}

template <class T>
void expect_state(const Problem<T>& p, const Kernel& kernel, MatrixView<const float> state) {
  const Shape& s = p.shape;
  for (int row = 0; row < state.rows; ++row) {
    const auto expected = expected_row(p, row / s.heads, row % s.heads);
    const double total = static_cast<double>(state(row, s.value_dim));
    if (std::isinf(expected.back())) {
      ASSERT_EQ(total, 0.0) << kernel.name;
      ASSERT_EQ(static_cast<double>(state(row, s.value_dim + 1)), expected.back()) << kernel.name;
      continue;
    }
    ASSERT_NEAR(static_cast<double>(state(row, s.value_dim + 1)) + std::log(total), expected.back(),
                tolerance_of<T>(kernel) * (1 + std::abs(expected.back())))
        << kernel.name << " row " << row;
    for (int c = 0; c < s.value_dim; ++c) {
      ASSERT_NEAR(static_cast<double>(state(row, c)) / total, expected[static_cast<std::size_t>(c)],
                  tolerance_of<T>(kernel))
          << kernel.name << " row " << row << " column " << c << " n " << s.n << " m " << s.m;
    }
  }
}

template <class T>
void expect_exact(const Problem<T>& p, TileSizes tiles = {}, std::string_view left_out = "") {
  for (const Kernel& kernel : kernels_for<T>()) {
    if (kernel.name == left_out) continue;
    for_every_order([&] {
      Matrix<float> state(std::int64_t{p.shape.n} * p.shape.heads, p.shape.value_dim + 2);
      std::fill_n(state.data(), state.size(), std::nanf(""));
      AttentionInput<T> input = input_of(p);
      input.tiles = tiles;
      kernel.compute(input, state.view(), Threads(1));
      expect_state(p, kernel, state.view());
    });
  }
}

template <class T>
class FromHost : public testing::Test {
 protected:
  void SetUp() override { use_device(0); }
};
using Types = testing::Types<Bf16, F16, float>;
TYPED_TEST_SUITE(FromHost, Types);

TYPED_TEST(FromHost, TheTableHasTheKernels) {
  std::vector<std::string_view> names;
  for (const auto& kernel : kernels_for<TypeParam>()) {
    EXPECT_TRUE(kernel.on_device());
    names.push_back(kernel.name);
  }
  EXPECT_EQ(names.back(), "cuda");
  EXPECT_EQ(names.size(), (std::is_same_v<TypeParam, float>) ? 3u : (std::is_same_v<TypeParam, Bf16>) ? 2u : 1u);
  EXPECT_TRUE(kernels_for<double>().empty());
}

TYPED_TEST(FromHost, EveryKernelMatchesTheDefinition) {
  for (const Shape s : {Shape{1, 1, 1, 1, 1, 1}, Shape{5, 37, 2, 2, 6, 6}, Shape{3, 90, 6, 2, 64, 64},
                        Shape{30, 33, 2, 1, 16, 9}, Shape{4, 0, 2, 1, 8, 8}}) {
    expect_exact(Problem<TypeParam>(s));
  }
}

TYPED_TEST(FromHost, EveryKernelHidesKeys) {
  Problem<TypeParam> p({9, 50, 4, 2, 12, 12});
  p.causal = true;
  p.offset = 7;
  p.visible.assign(50, 1);
  for (std::size_t k = 0; k < 50; k += 3) p.visible[k] = 0;
  expect_exact(p);
  p.offset = -4;
  expect_exact(p, {4, 8});
}

// The fused kernel does so up to scores of 1e9 (f16: 1e7): further, its registers would not suffice.
TYPED_TEST(FromHost, TheLargestWeightIsOneHoweverLargeScoresAre) {
  for (const double scale : {1e5, 1e8, 1e12, 1e30}) {
    const Problem<TypeParam> p = with_large_scores<TypeParam>({5, 90, 1, 1, 64, 64}, scale);
    for (const TileSizes tiles : {TileSizes{}, TileSizes{3, 7}}) {
      expect_exact(p, tiles, scale < 1e6 ? "" : "cuda");
    }
  }
}

TYPED_TEST(FromHost, TilesAndTheirNumberDoNotMatter) {
  const Problem<TypeParam> p({11, 45, 4, 2, 12, 12});
  for (const TileSizes tiles : {TileSizes{3, 7}, TileSizes{1, 45}, TileSizes{11, 1}}) expect_exact(p, tiles);
}

// Rows that are kept are not copied again: what the host changes later is not seen.
TYPED_TEST(FromHost, KeptRowsStayOnTheDevice) {
  for (const int columns : {64, 12}) {
    Problem<TypeParam> p({3, 40, 2, 2, columns, columns});
    std::optional<std::shared_ptr<const void>> keys = keep_on_device(p.keys.view(), 2, columns);
    const auto values = keep_on_device(p.values.view(), 2, columns);
    const Problem<TypeParam> as_it_was({3, 40, 2, 2, columns, columns});
    for (TypeParam& x : p.keys.span()) x = TypeParam(9.0f);
    for (const auto& kernel : kernels_for<TypeParam>()) {
      Matrix<float> state(6, columns + 2);
      kernel.compute(input_of(p), state.view(), Threads(1));
      expect_state(as_it_was, kernel, state.view());
    }
    keys.reset();  // from here on they are copied
    for (const auto& kernel : kernels_for<TypeParam>()) {
      Matrix<float> state(6, columns + 2);
      kernel.compute(input_of(p), state.view(), Threads(1));
      expect_state(p, kernel, state.view());
    }
  }
}

TYPED_TEST(FromHost, SomeOfTheKeptRowsAreTakenFromTheirPlace) {
  const Problem<TypeParam> whole({2, 60, 1, 1, 64, 64});
  const auto keys = keep_on_device(whole.keys.view(), 1, 64);
  Problem<TypeParam> part({2, 17, 1, 1, 64, 64});
  const RowRange rows = {31, 48};
  std::copy_n(whole.keys.row(rows.begin), part.keys.size(), part.keys.data());
  for (const auto& kernel : kernels_for<TypeParam>()) {
    AttentionInput<TypeParam> input = input_of(part);
    input.keys = whole.keys.view().slice_rows(rows);
    Matrix<float> state(2, 66);
    kernel.compute(input, state.view(), Threads(1));
    expect_state(part, kernel, state.view());
  }
}

// Beside heads of more than 256 columns others are not padded either, as they are where they are kept.
TYPED_TEST(FromHost, KeptRowsOfAnotherWidthAreCopied) {
  const Problem<TypeParam> p({2, 20, 2, 2, 300, 12});
  const auto values = keep_on_device(p.values.view(), 2, 12);
  for (const auto& kernel : kernels_for<TypeParam>()) {
    if (kernel.name == "cuda") continue;  // takes no such heads
    Matrix<float> state(4, 14);
    kernel.compute(input_of(p), state.view(), Threads(1));
    expect_state(p, kernel, state.view());
  }
}

TYPED_TEST(FromHost, ThreadsOfTheHostDoNotMix) {
  const Problem<TypeParam> a({5, 70, 1, 1, 16, 16}), b({19, 33, 2, 1, 8, 8});
  const Kernel kernel = kernels_for<TypeParam>().back();
  const auto work = [&](const Problem<TypeParam>& p) {
    for (int i = 0; i < 3; ++i) {
      Matrix<float> state(std::int64_t{p.shape.n} * p.shape.heads, p.shape.value_dim + 2);
      kernel.compute(input_of(p), state.view(), Threads(1));
      expect_state(p, kernel, state.view());
    }
  };
  std::thread other([&] { work(b); });
  work(a);
  other.join();
}

// Whatever its name is: a row says how it computes.
TYPED_TEST(FromHost, StatesThatStayAreComputedAsTheRowOfTheKernelSays) {
  const Problem<TypeParam> p({5, 70, 2, 1, 16, 16});
  const AttentionInput<TypeParam> input = input_of(p);
  const KeySource<TypeParam> source = {input.keys, input.values, {}};
  for (Kernel kernel : kernels_for<TypeParam>()) {
    Matrix<float> expected(10, 18), stayed(10, 18);
    kernel.compute(input, expected.view(), Threads(1));
    kernel.name = "another";
    const auto states = kernel.engine().states(input, kernel.method, 10);
    EXPECT_GT(states->attend(input, {&source, 1}, 0), 0) << "seconds of copies";
    EXPECT_GT(states->to_host(states->rows(10), stayed.view()), 0);
    for (std::int64_t i = 0; i < stayed.size(); ++i) ASSERT_EQ(stayed.data()[i], expected.data()[i]) << i;
  }
  EXPECT_THROW(host_engine().states(input, Method::fused, 10), Error);
}

TYPED_TEST(FromHost, CopiesAreTimed) {
  const Problem<TypeParam> p({5, 70, 1, 1, 16, 16});
  Matrix<float> state(5, 18);
  EXPECT_GT(kernels_for<TypeParam>().back().compute(input_of(p), state.view(), Threads(1)), 0);
}

// What a run is refused for is at least what it takes, and not much more. Of each kernel the largest problem yet.
TYPED_TEST(FromHost, MemoryIsEstimated) {
  const Problem<TypeParam> p({400, 48, 4, 2, 40, 40});
  const HeadShape shape = {4, 2, 40, 40};
  for (const auto& kernel : kernels_for<TypeParam>()) {
    const auto keys = keep_on_device(p.keys.view(), 2, 40), values = keep_on_device(p.values.view(), 2, 40);
    const std::int64_t before = free_bytes();
    Matrix<float> state(400 * 4, 42);
    kernel.compute(input_of(p), state.view(), Threads(1));
    const std::int64_t taken = before - free_bytes(),
                       estimate = scratch_bytes(kernel.method, precision_of<TypeParam>, shape, 400, 48);
    EXPECT_LE(taken, estimate) << kernel.name;
    EXPECT_EQ(resident_bytes(precision_of<TypeParam>, 48, 2, 40),
              static_cast<std::int64_t>(48 * 2 * 64 * sizeof(TypeParam)));
    EXPECT_LE(estimate, 200 << 20) << kernel.name;
  }
}

TEST(Devices, OneThatIsNotThereIsRefused) { EXPECT_THROW(use_device(device_count()), Error); }

TEST(Devices, TooWideHeadsAreRefusedByTheFusedKernels) {
  use_device(0);
  const Problem<float> p({2, 5, 1, 1, 300, 300});
  Matrix<float> state(2, 302);
  for (const Kernel& kernel : kernels_for<float>()) {
    if (kernel.name == "cuda") {
      EXPECT_THROW(kernel.compute(input_of(p), state.view(), Threads(1)), Error);
    } else {
      kernel.compute(input_of(p), state.view(), Threads(1));
      expect_state(p, kernel, state.view());
    }
  }
}

}  // namespace
}  // namespace knowscale::cuda

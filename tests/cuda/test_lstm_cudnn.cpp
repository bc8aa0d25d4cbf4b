// SPDX-License-Identifier: BSD-3-Clause
// cuDNN's LSTM is ours: the same weights, the same batch, the same state after it. Needs a build with cuDNN.
#include "kernels/cuda/lstm/cudnn.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "device_lstm_state.hpp"
#include "naive_lstm.hpp"
#include "on_device.hpp"
#include "orders.hpp"

namespace knowscale::cuda {
namespace {

using Counts = std::vector<std::int64_t>;

std::int64_t total(const Counts& active) { return std::accumulate(active.begin(), active.end(), std::int64_t{0}); }

class CudnnLstmOf : public testing::Test {
 protected:
  Stream stream_;
  Blas blas_{stream_};

  // The state by cuDNN near the loops', and near that of DeviceLstm.
  void expect_read(std::int64_t hidden, std::int64_t dim, std::int64_t batch, const Counts& active,
                   const CudnnOptions& options = {}) {
    const LstmWeights<float> weights = random_weights<float>(dim, hidden);
    const Matrix<float> inputs = random_matrix<float>(total(active), dim, 4);
    const DeviceBuffer<float> on_device = upload(inputs.view());
    const MatrixView<const float> rows = {on_device.data(), inputs.rows(), dim, dim};
    StateOnBoth<float> state(batch, hidden, 5), by_cublas(batch, hidden, 5);
    const auto lstm = cudnn_lstm(stream_, weights, options);
    ASSERT_NE(lstm, nullptr);
    lstm->advance(rows, active, state.device());

    DeviceLstm<float> other(blas_, weights);
    DeviceBuffer<float> projected(inputs.rows() * 4 * hidden);
    const MatrixView<float> gates = {projected.data(), inputs.rows(), 4 * hidden, 4 * hidden};
    other.project(rows, gates);
    other.advance(gates, active, by_cublas.device());
    stream_.wait();

    const std::int64_t sums = static_cast<std::int64_t>(active.size()) * (dim + hidden);
    NaiveState want = state.naive();
    naive_read(weights, inputs, active, want);
    state.expect(want, sums);
    state.expect({table_of(by_cublas.hidden_now()), table_of(by_cublas.cell_now())}, 2 * sums);
  }
};

TEST_F(CudnnLstmOf, ReadsAsCublasDoes) {
  for_every_order([&] {
    for (const std::int64_t hidden : {1, 5, 33}) {
      for (const std::int64_t batch : {1, 3}) expect_read(hidden, 3, batch, {batch, batch, batch});
    }
  });
}

TEST_F(CudnnLstmOf, ReadsSequencesOfUnequalLengths) {
  for_every_order([&] {
    expect_read(5, 4, 4, {4, 3, 3, 1, 1});
    expect_read(5, 4, 4, {2, 1, 0, 0});  // two sequences have no step
  });
}

TEST_F(CudnnLstmOf, NoStepsLeaveTheState) {
  expect_read(5, 3, 2, {});
  expect_read(5, 3, 2, {0});
}

TEST_F(CudnnLstmOf, KeepsItsWeightsOnTheDeviceWhereAsked) { expect_read(64, 64, 8, {8, 8}, {.persistent = true}); }

TEST_F(CudnnLstmOf, GoesOnWhereTheLastCallEndedInRowsThatLieApart) {
  constexpr std::int64_t kHidden = 5, kDim = 3, kBatch = 2;
  const LstmWeights<float> weights = random_weights<float>(kDim, kHidden);
  const Matrix<float> inputs = random_matrix<float>(5 * kBatch, kDim, 4);
  const DeviceBuffer<float> on_device = upload(inputs.view());
  const MatrixView<const float> rows = {on_device.data(), inputs.rows(), kDim, kDim};
  StateOnBoth<float> state(kBatch, kHidden, 5, 2);
  const auto lstm = cudnn_lstm(stream_, weights);
  ASSERT_NE(lstm, nullptr);
  lstm->advance(rows.slice_rows({0, 2 * kBatch}), Counts(2, kBatch), state.device());
  lstm->advance(rows.slice_rows({2 * kBatch, 5 * kBatch}), Counts(3, kBatch), state.device());
  stream_.wait();
  NaiveState want = state.naive();
  naive_read<float>(weights, inputs, Counts(5, kBatch), want);
  state.expect(want, 5 * (kDim + kHidden));
}

// tf32 has 11 bits.
TEST_F(CudnnLstmOf, RoundsFactorsOnlyWhereAsked) {
  const LstmWeights<float> weights = random_weights<float>(32, 32);
  const Matrix<float> inputs = random_matrix<float>(8, 32, 4);
  const DeviceBuffer<float> on_device = upload(inputs.view());
  StateOnBoth<float> exact(8, 32, 5), rounded(8, 32, 5);
  const MatrixView<const float> rows = {on_device.data(), 8, 32, 32};
  cudnn_lstm(stream_, weights)->advance(rows, Counts{8}, exact.device());
  cudnn_lstm(stream_, weights, {.products = Products::tf32})->advance(rows, Counts{8}, rounded.device());
  stream_.wait();
  const Matrix<float> a = exact.cell_now(), b = rounded.cell_now();
  float largest = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
  EXPECT_GT(largest, 0x1p-16f);
  EXPECT_LT(largest, 0x1p-6f);
}

TEST(CudnnVersion, NamesTheLibrary) { EXPECT_EQ(cudnn_version().substr(0, 6), "cuDNN "); }

}  // namespace
}  // namespace knowscale::cuda

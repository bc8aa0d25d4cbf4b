// SPDX-License-Identifier: BSD-3-Clause
// The LSTM on the device against plain loops in f64: odd sizes, unequal lengths, calls that go on where the last ended.
#include "kernels/cuda/lstm/lstm.hpp"

#include <gtest/gtest.h>

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

template <class T>
class DeviceLstmOf : public testing::Test {
 protected:
  Stream stream_;
  Blas blas_{stream_};

  // Inputs for all of `active` projected in one call.
  DeviceBuffer<T> project(const DeviceLstm<T>& lstm, const Matrix<T>& inputs) {
    const DeviceBuffer<T> on_device = upload(inputs.view());
    const std::int64_t gates = 4 * lstm.hidden();
    DeviceBuffer<T> projected(inputs.rows() * gates);
    lstm.project({on_device.data(), inputs.rows(), inputs.cols(), inputs.cols()},
                 {projected.data(), inputs.rows(), gates, gates});
    stream_.wait();
    return projected;
  }

  void expect_read(std::int64_t hidden, std::int64_t dim, std::int64_t batch, const Counts& active) {
    SCOPED_TRACE(testing::Message() << "H " << hidden << " D " << dim << " B " << batch);
    const LstmWeights<T> weights = random_weights<T>(dim, hidden);
    DeviceLstm<T> lstm(blas_, weights);
    const Matrix<T> inputs = random_matrix<T>(total(active), dim, 4);
    StateOnBoth<T> state(batch, hidden, 5);
    const DeviceBuffer<T> projected = project(lstm, inputs);
    lstm.advance({projected.data(), inputs.rows(), 4 * hidden, 4 * hidden}, active, state.device());
    stream_.wait();
    NaiveState want = state.naive();
    naive_read(weights, inputs, active, want);
    state.expect(want, static_cast<std::int64_t>(active.size()) * (dim + hidden));
  }

  void expect_decode(std::int64_t hidden, std::int64_t dim, std::int64_t batch, const Counts& active) {
    const LstmWeights<T> weights = random_weights<T>(dim, hidden);
    DeviceLstm<T> lstm(blas_, weights);
    const Matrix<T> readout = random_matrix<T>(hidden, dim, 7);
    StateOnBoth<T> state(batch, hidden, 5);
    const DeviceBuffer<T> readout_on_device = upload(readout.view());
    DeviceBuffer<T> outputs(total(active) * dim);
    lstm.decode({readout_on_device.data(), hidden, dim, dim}, state.device(), {outputs.data(), total(active), dim, dim},
                active);
    stream_.wait();
    NaiveState want = state.naive();
    const Table written = naive_decode(weights, readout, active, want);
    // What is fed back carries its error along: one more product a step.
    const std::int64_t sums = 64 * static_cast<std::int64_t>(active.size()) * (dim + 2 * hidden);
    expect_near(download(outputs.data(), total(active), dim), written, sums);
    state.expect(want, sums);
  }
};

using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(DeviceLstmOf, Precisions);

TYPED_TEST(DeviceLstmOf, ReadsAsTheLoopsDo) {
  for_every_order([&] {
    for (const std::int64_t hidden : {1, 5, 33}) {
      for (const std::int64_t batch : {1, 3, 7}) this->expect_read(hidden, 3, batch, {batch, batch, batch});
    }
    this->expect_read(129, 2, 3, {3, 3});  // more units than a block has threads
  });
}

TYPED_TEST(DeviceLstmOf, ReadsSequencesOfUnequalLengths) {
  for_every_order([&] {
    this->expect_read(5, 4, 4, {4, 3, 3, 1, 1});
    this->expect_read(5, 4, 4, {2, 1, 0, 0});  // two sequences have no step
  });
}

TYPED_TEST(DeviceLstmOf, NoStepsLeaveTheState) {
  for_every_order([&] {
    this->expect_read(5, 3, 2, {});
    this->expect_read(5, 3, 2, {0});
  });
}

TYPED_TEST(DeviceLstmOf, GoesOnWhereTheLastCallEnded) {
  for_every_order([&] {
    constexpr std::int64_t kHidden = 5, kDim = 3, kBatch = 2, kSteps = 5;
    const LstmWeights<TypeParam> weights = random_weights<TypeParam>(kDim, kHidden);
    DeviceLstm<TypeParam> lstm(this->blas_, weights);
    const Matrix<TypeParam> inputs = random_matrix<TypeParam>(kSteps * kBatch, kDim, 4);
    StateOnBoth<TypeParam> state(kBatch, kHidden, 5);
    const DeviceBuffer<TypeParam> projected = this->project(lstm, inputs);
    const MatrixView<const TypeParam> rows = {projected.data(), inputs.rows(), 4 * kHidden, 4 * kHidden};
    lstm.advance(rows.slice_rows({0, 3 * kBatch}), state.device());
    lstm.advance(rows.slice_rows({3 * kBatch, 5 * kBatch}), state.device());
    this->stream_.wait();
    NaiveState want = state.naive();
    naive_read<TypeParam>(weights, inputs, Counts(kSteps, kBatch), want);
    state.expect(want, kSteps * (kDim + kHidden));
  });
}

TYPED_TEST(DeviceLstmOf, StepsFromInputsNotYetProjected) {
  for_every_order([&] {
    const LstmWeights<TypeParam> weights = random_weights<TypeParam>(3, 5);
    DeviceLstm<TypeParam> lstm(this->blas_, weights);
    const Matrix<TypeParam> inputs = random_matrix<TypeParam>(2, 3, 4);
    const DeviceBuffer<TypeParam> on_device = upload(inputs.view());
    StateOnBoth<TypeParam> state(3, 5, 5);  // one sequence more than has a step
    lstm.step({on_device.data(), 2, 3, 3}, state.device());
    this->stream_.wait();
    NaiveState want = state.naive();
    naive_read<TypeParam>(weights, inputs, Counts{2}, want);
    state.expect(want, 8);
  });
}

TYPED_TEST(DeviceLstmOf, RowsMayLieApart) {
  for_every_order([&] {
    constexpr std::int64_t kHidden = 5, kDim = 3, kBatch = 2, kSteps = 2, kRows = kSteps * kBatch;
    const LstmWeights<TypeParam> weights = random_weights<TypeParam>(kDim, kHidden);
    DeviceLstm<TypeParam> lstm(this->blas_, weights);
    const Matrix<TypeParam> inputs = random_matrix<TypeParam>(kRows, kDim, 4);
    Matrix<TypeParam> wide(kRows, kDim + 2);
    for (TypeParam& x : wide.span()) x = static_cast<TypeParam>(std::nan(""));
    for (std::int64_t i = 0; i < kRows; ++i) std::copy_n(inputs.row(i), kDim, wide.row(i));
    const DeviceBuffer<TypeParam> on_device = upload(std::as_const(wide).view());
    DeviceBuffer<TypeParam> projected(kRows * (4 * kHidden + 3));
    const MatrixView<TypeParam> gates = {projected.data(), kRows, 4 * kHidden, 4 * kHidden + 3};
    lstm.project({on_device.data(), kRows, kDim, kDim + 2}, gates);
    StateOnBoth<TypeParam> state(kBatch, kHidden, 5, 4);
    lstm.advance(gates, state.device());
    this->stream_.wait();
    NaiveState want = state.naive();
    naive_read<TypeParam>(weights, inputs, Counts(kSteps, kBatch), want);
    state.expect(want, kSteps * (kDim + kHidden));
  });
}

TYPED_TEST(DeviceLstmOf, ProjectedRowsStayAsTheyWere) {
  DeviceLstm<TypeParam> lstm(this->blas_, random_weights<TypeParam>(3, 5));
  const Matrix<TypeParam> inputs = random_matrix<TypeParam>(4, 3, 4);
  const DeviceBuffer<TypeParam> projected = this->project(lstm, inputs);
  const Matrix<TypeParam> before = download(projected.data(), 4, 20);
  StateOnBoth<TypeParam> state(2, 5, 5);
  lstm.advance({projected.data(), 4, 20, 20}, state.device());
  this->stream_.wait();
  const Matrix<TypeParam> after = download(projected.data(), 4, 20);
  for (std::int64_t i = 0; i < before.size(); ++i) ASSERT_EQ(after.data()[i], before.data()[i]);
}

TYPED_TEST(DeviceLstmOf, DecodesWhatItFedBack) {
  for_every_order([&] {
    this->expect_decode(5, 3, 1, {1, 1, 1});
    this->expect_decode(7, 9, 3, {3, 3, 3, 3});
    this->expect_decode(7, 9, 3, {});
  });
}

TYPED_TEST(DeviceLstmOf, DecodesSequencesOfUnequalLengths) {
  for_every_order([&] {
    this->expect_decode(5, 3, 4, {4, 2, 1});
    this->expect_decode(5, 3, 4, {3, 3, 0});
  });
}

TYPED_TEST(DeviceLstmOf, DecodesAllSequencesWhereNoCountsAreGiven) {
  const LstmWeights<TypeParam> weights = random_weights<TypeParam>(3, 5);
  DeviceLstm<TypeParam> lstm(this->blas_, weights);
  const Matrix<TypeParam> readout = random_matrix<TypeParam>(5, 3, 7);
  const DeviceBuffer<TypeParam> readout_on_device = upload(readout.view());
  DeviceBuffer<TypeParam> outputs(3 * 2 * 3);
  StateOnBoth<TypeParam> state(2, 5, 5);
  lstm.decode({readout_on_device.data(), 5, 3, 3}, state.device(), {outputs.data(), 6, 3, 3});
  this->stream_.wait();
  NaiveState want = state.naive();
  const Table written = naive_decode<TypeParam>(weights, readout, Counts(3, 2), want);
  expect_near(download(outputs.data(), 6, 3), written, 64 * 3 * 13);
}

// Saturated gates: no NaN, and a cell that is kept is kept exactly.
TYPED_TEST(DeviceLstmOf, LargeSumsSaturate) {
  LstmWeights<TypeParam> weights = random_weights<TypeParam>(1, 2);
  for (TypeParam& x : weights.input.span()) x = TypeParam{0};
  for (TypeParam& x : weights.recurrent.span()) x = TypeParam{0};
  for (std::int64_t j = 0; j < 8; ++j) {  // i = 0, f = 1, o = 1
    weights.bias(0, j) = static_cast<TypeParam>(j < 2 ? -1e4 : 1e4);
  }
  DeviceLstm<TypeParam> lstm(this->blas_, weights);
  const Matrix<TypeParam> inputs = random_matrix<TypeParam>(3, 1, 4);
  const DeviceBuffer<TypeParam> projected = this->project(lstm, inputs);
  StateOnBoth<TypeParam> state(1, 2, 5);
  lstm.advance({projected.data(), 3, 8, 8}, state.device());
  this->stream_.wait();
  NaiveState want = state.naive();
  for (std::size_t j = 0; j < 2; ++j) want.hidden[0][j] = std::tanh(want.cell[0][j]);
  state.expect(want, 0);
}

}  // namespace
}  // namespace knowscale::cuda

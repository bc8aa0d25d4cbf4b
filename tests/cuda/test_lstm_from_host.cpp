// SPDX-License-Identifier: BSD-3-Clause
// The encoder-decoder LSTM with matrices of the host, against plain loops in f64: knowledge in blocks, kept or copied,
// with and without values of its own; then a batch of sequences.
#include "kernels/cuda/lstm/from_host.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/cuda/cuda.hpp"
#include "kernels/threads.hpp"
#include "naive_lstm.hpp"

namespace knowscale::cuda {
namespace {

constexpr std::int64_t kRows = 11, kWidth = 6, kHidden = 9;  // a width that kept rows are padded from

template <class T>
struct Knowledge {
  Matrix<T> keys = random_matrix<T>(kRows, kWidth, 4), values = random_matrix<T>(kRows, kWidth, 5);
  bool separate_values = true;

  std::int64_t width() const { return separate_values ? 2 * kWidth : kWidth; }
  MatrixView<const T> values_of(RowRange rows) const {
    return separate_values ? values.view().slice_rows(rows) : MatrixView<const T>{};
  }
  // What the encoder reads.
  Matrix<T> inputs() const {
    Matrix<T> all(kRows, width());
    for (std::int64_t i = 0; i < kRows; ++i) {
      std::copy_n(keys.row(i), kWidth, all.row(i));
      if (separate_values) std::copy_n(values.row(i), kWidth, all.row(i) + kWidth);
    }
    return all;
  }
};

template <class T>
Seq2SeqWeights<T> weights_for(std::int64_t width) {
  return {random_weights<T>(width, kHidden), random_weights<T>(kWidth, kHidden), random_matrix<T>(kHidden, kWidth, 7)};
}

template <class T>
struct State {
  Matrix<T> hidden = random_matrix<T>(1, kHidden, 8), cell = random_matrix<T>(1, kHidden, 9);

  NaiveState naive() const { return {table_of(hidden), table_of(cell)}; }
};

// Reads the knowledge in blocks of these rows from `state`, which is then that after it.
template <class T>
void read_in_blocks(Seq2Seq<T>& lstm, const Knowledge<T>& knowledge, std::initializer_list<RowRange> blocks,
                    State<T>& state) {
  bool first = true;
  for (const RowRange& rows : blocks) {
    lstm.project(knowledge.keys.view().slice_rows(rows), knowledge.values_of(rows));
    if (std::exchange(first, false))
      lstm.set_state(std::as_const(state.hidden).view(), std::as_const(state.cell).view());
    lstm.read();
  }
  lstm.get_state(state.hidden.view(), state.cell.view());
}

template <class T>
void expect_read(const Seq2SeqWeights<T>& weights, const Knowledge<T>& knowledge, const State<T>& state) {
  NaiveState want = State<T>().naive();
  naive_read<T>(weights.encoder, knowledge.inputs(), std::vector<std::int64_t>(kRows, 1), want);
  expect_near(state.hidden, want.hidden, kRows * (2 * kWidth + kHidden));
  expect_near(state.cell, want.cell, kRows * (2 * kWidth + kHidden));
}

template <class T>
class LstmFromHost : public testing::Test {
 protected:
  void SetUp() override { use_device(0); }
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(LstmFromHost, Precisions);

TYPED_TEST(LstmFromHost, ReadsKnowledgeInBlocks) {
  for (const bool separate_values : {false, true}) {
    Knowledge<TypeParam> knowledge;
    knowledge.separate_values = separate_values;
    const auto weights = weights_for<TypeParam>(knowledge.width());
    const auto lstm = seq2seq_on_device(weights, {}, Threads(1));
    for (int run = 0; run < 2; ++run) {
      State<TypeParam> state;
      read_in_blocks(*lstm, knowledge, {{0, 5}, {5, 8}, {8, kRows}}, state);
      expect_read(weights, knowledge, state);
    }
  }
}

// Rows that are kept are not copied again: what the host changes later is not seen.
TYPED_TEST(LstmFromHost, ReadsKeptKnowledgeWhereItIs) {
  for (const bool separate_values : {false, true}) {
    Knowledge<TypeParam> knowledge;
    knowledge.separate_values = separate_values;
    const auto keys = keep_on_device(knowledge.keys.view(), 1, kWidth);
    const auto values = keep_on_device(knowledge.values.view(), 1, kWidth);
    std::ranges::fill(knowledge.keys.span(), TypeParam(9));
    std::ranges::fill(knowledge.values.span(), TypeParam(9));
    Knowledge<TypeParam> as_it_was;
    as_it_was.separate_values = separate_values;
    const auto weights = weights_for<TypeParam>(knowledge.width());
    State<TypeParam> state;
    read_in_blocks(*seq2seq_on_device(weights, {}, Threads(1)), knowledge, {{0, 7}, {7, kRows}}, state);
    expect_read(weights, as_it_was, state);
  }
}

TYPED_TEST(LstmFromHost, AnswersSequencesOfUnequalLengths) {
  const Knowledge<TypeParam> knowledge;
  const auto weights = weights_for<TypeParam>(knowledge.width());
  const auto lstm = seq2seq_on_device(weights, {}, Threads(1));
  for (const std::vector<std::int64_t>& active :
       {std::vector<std::int64_t>{1}, {5, 3, 3, 1}, {2, 2}}) {  // the room for states grows and stays
    const std::int64_t rows = std::accumulate(active.begin(), active.end(), std::int64_t{0});
    Matrix<TypeParam> steps = random_matrix<TypeParam>(rows, kWidth, 10);
    Matrix<TypeParam> inputs(rows, knowledge.width());
    std::ranges::fill(inputs.span(), TypeParam(0));
    for (std::int64_t i = 0; i < rows; ++i) std::copy_n(steps.row(i), kWidth, inputs.row(i));
    const State<TypeParam> state;
    lstm->set_state(state.hidden.view(), state.cell.view());
    lstm->answer(active, steps.view());
    const auto sequences = static_cast<std::size_t>(active.front());
    NaiveState want = {Table(sequences, row_of(state.hidden, 0)), Table(sequences, row_of(state.cell, 0))};
    naive_read<TypeParam>(weights.encoder, inputs, active, want);
    const Table written = naive_decode<TypeParam>(weights.decoder, weights.readout, active, want);
    // What is fed back carries its error along.
    expect_near(steps, written, 64 * static_cast<std::int64_t>(active.size()) * (3 * kWidth + 3 * kHidden));
  }
}

}  // namespace
}  // namespace knowscale::cuda

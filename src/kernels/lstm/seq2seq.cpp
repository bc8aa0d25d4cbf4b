// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/lstm/seq2seq.hpp"

#include <algorithm>

#include "kernels/lstm/lstm.hpp"

namespace knowscale {
namespace {

template <class T>
class OnHost : public Seq2Seq<T> {
 public:
  OnHost(const Seq2SeqWeights<T>& weights, const Seq2SeqSizes& sizes, const Threads& threads)
      : threads_(threads),
        encoder_(weights.encoder),
        decoder_(weights.decoder),
        readout_(weights.readout.view()),
        inputs_(sizes.rows, encoder_.input_dim()),
        projected_(sizes.rows, 4 * encoder_.hidden()),
        state_{Matrix<T>(1, encoder_.hidden()), Matrix<T>(1, encoder_.hidden())},
        batch_state_{Matrix<T>(sizes.sequences, encoder_.hidden()), Matrix<T>(sizes.sequences, encoder_.hidden())} {}

  void project(MatrixView<const T> keys, MatrixView<const T> values) override {
    for (std::int64_t i = 0; i < values.rows; ++i) {
      std::copy_n(keys.row(i), keys.cols, inputs_.row(i));
      std::copy_n(values.row(i), values.cols, inputs_.row(i) + keys.cols);
    }
    rows_ = keys.rows;
    encoder_.project(values.rows > 0 ? inputs() : keys, projected(), threads_);
  }

  void set_state(MatrixView<const T> hidden, MatrixView<const T> cell) override {
    std::copy_n(hidden.data, hidden.cols, state_.hidden.data());
    std::copy_n(cell.data, cell.cols, state_.cell.data());
  }

  void read() override { encoder_.advance(projected(), state_, threads_); }

  void get_state(MatrixView<T> hidden, MatrixView<T> cell) override {
    std::copy_n(state_.hidden.data(), hidden.cols, hidden.data);
    std::copy_n(state_.cell.data(), cell.cols, cell.data);
  }

  void answer(std::span<const std::int64_t> active, MatrixView<T> rows) override {
    for (std::int64_t b = 0; b < batch_state_.hidden.rows(); ++b) {
      get_state(batch_state_.hidden.view().slice_rows({b, b + 1}), batch_state_.cell.view().slice_rows({b, b + 1}));
    }
    rows_ = rows.rows;
    for (std::int64_t i = 0; i < rows.rows; ++i) {
      std::fill(std::copy_n(rows.row(i), rows.cols, inputs_.row(i)), inputs_.row(i) + inputs_.cols(), T{0});
    }
    encoder_.project(inputs(), projected(), threads_);
    encoder_.advance(projected(), active, batch_state_, threads_);
    decode(decoder_, readout_, batch_state_, rows, active, threads_);
  }

 private:
  MatrixView<const T> inputs() const { return inputs_.view().slice_rows({0, rows_}); }
  MatrixView<T> projected() { return projected_.view().slice_rows({0, rows_}); }

  const Threads& threads_;
  Lstm<T> encoder_;
  Lstm<T> decoder_;
  PackedMatrix<T> readout_;
  std::int64_t rows_ = 0;  // of those below in use
  Matrix<T> inputs_;
  Matrix<T> projected_;
  LstmState<T> state_;        // of one sequence
  LstmState<T> batch_state_;  // of all
};

template <class T>
std::unique_ptr<Seq2Seq<T>> make(const Seq2SeqWeights<T>& weights, const Seq2SeqSizes& sizes, const Threads& threads) {
  return std::make_unique<OnHost<T>>(weights, sizes, threads);
}

}  // namespace

constinit const ByPrecision<MakeSeq2Seq> seq2seq_on_host =
    by_precision<MakeSeq2Seq>([]<class T>() { return make<T>; }, Numbers<float, double>());

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// A random LSTM state that both sides hold, for tests.
#pragma once

#include <utility>

#include "kernels/cuda/lstm/lstm.hpp"
#include "naive_lstm.hpp"
#include "on_device.hpp"

namespace knowscale::cuda {

template <class T>
class StateOnBoth {
 public:
  // Rows of the device lie `padding` numbers apart.
  StateOnBoth(std::int64_t batch, std::int64_t hidden, unsigned seed, std::int64_t padding = 0)
      : hidden_(hidden),
        start_hidden_(random_matrix<T>(batch, hidden + padding, seed)),
        start_cell_(random_matrix<T>(batch, hidden + padding, seed + 1)),
        device_hidden_(upload(std::as_const(start_hidden_).view())),
        device_cell_(upload(std::as_const(start_cell_).view())) {}

  DeviceLstmState<T> device() { return {view(device_hidden_), view(device_cell_)}; }

  // What it was at first.
  NaiveState naive() const { return {first_columns(start_hidden_), first_columns(start_cell_)}; }

  // Of what is there now; numbers between rows have to be what they were.
  void expect(const NaiveState& want, std::int64_t sums) const {
    expect_part(device_hidden_, start_hidden_, want.hidden, sums);
    expect_part(device_cell_, start_cell_, want.cell, sums);
  }

  Matrix<T> hidden_now() const { return download(device_hidden_.data(), start_hidden_.rows(), start_hidden_.cols()); }
  Matrix<T> cell_now() const { return download(device_cell_.data(), start_cell_.rows(), start_cell_.cols()); }

 private:
  MatrixView<T> view(DeviceBuffer<T>& buffer) {
    return {buffer.data(), start_hidden_.rows(), hidden_, start_hidden_.cols()};
  }

  Table first_columns(const Matrix<T>& matrix) const {
    Table table = table_of(matrix);
    for (Row& row : table) row.resize(static_cast<std::size_t>(hidden_));
    return table;
  }

  void expect_part(const DeviceBuffer<T>& got, const Matrix<T>& start, Table want, std::int64_t sums) const {
    for (std::size_t b = 0; b < want.size(); ++b) {
      const Row before = row_of(start, static_cast<std::int64_t>(b));
      want[b].insert(want[b].end(), before.begin() + hidden_, before.end());
    }
    expect_near(download(got.data(), start.rows(), start.cols()), want, sums);
  }

  std::int64_t hidden_;
  Matrix<T> start_hidden_, start_cell_;
  DeviceBuffer<T> device_hidden_, device_cell_;
};

}  // namespace knowscale::cuda

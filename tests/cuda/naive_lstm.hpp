// SPDX-License-Identifier: BSD-3-Clause
// The LSTM by plain loops in f64, for tests: one sequence after another, rows as in kernels/lstm/lstm.hpp.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/lstm/weights.hpp"

namespace knowscale::cuda {

using Row = std::vector<double>;
using Table = std::vector<Row>;

// Hidden and cell state, B rows of H each.
struct NaiveState {
  Table hidden, cell;
};

template <class T>
Matrix<T> random_matrix(std::int64_t rows, std::int64_t cols, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  Matrix<T> matrix(rows, cols);
  for (T& x : matrix.span()) x = static_cast<T>(uniform(engine));
  return matrix;
}

// Weights whose gates, rows and columns all differ.
template <class T>
LstmWeights<T> random_weights(std::int64_t dim, std::int64_t hidden) {
  return {random_matrix<T>(dim, 4 * hidden, 1), random_matrix<T>(hidden, 4 * hidden, 2),
          random_matrix<T>(1, 4 * hidden, 3)};
}

template <class T>
Row row_of(const Matrix<T>& matrix, std::int64_t i) {
  return Row(matrix.row(i), matrix.row(i) + matrix.cols());
}

template <class T>
Table table_of(const Matrix<T>& matrix) {
  Table table;
  for (std::int64_t i = 0; i < matrix.rows(); ++i) table.push_back(row_of(matrix, i));
  return table;
}

// x M, column by column.
template <class T>
Row times(const Row& x, const Matrix<T>& m) {
  Row y(static_cast<std::size_t>(m.cols()), 0.0);
  for (std::int64_t k = 0; k < m.rows(); ++k) {
    for (std::int64_t j = 0; j < m.cols(); ++j) {
      y[static_cast<std::size_t>(j)] += x[static_cast<std::size_t>(k)] * static_cast<double>(m(k, j));
    }
  }
  return y;
}

template <class T>
void naive_step(const LstmWeights<T>& weights, const Row& x, Row& h, Row& c) {
  const auto sigma = [](double z) { return 1 / (1 + std::exp(-z)); };
  const Row from_x = times(x, weights.input), from_h = times(h, weights.recurrent);
  const std::size_t units = h.size();
  for (std::size_t j = 0; j < units; ++j) {
    std::array<double, 4> gate;
    for (std::size_t g = 0; g < 4; ++g) {
      const std::size_t column = g * units + j;
      gate[g] = from_x[column] + from_h[column] + static_cast<double>(weights.bias.data()[column]);
    }
    c[j] = sigma(gate[1]) * c[j] + sigma(gate[0]) * std::tanh(gate[2]);
    h[j] = sigma(gate[3]) * std::tanh(c[j]);
  }
}

template <class T>
void naive_read(const LstmWeights<T>& weights, const Matrix<T>& inputs, std::span<const std::int64_t> active,
                NaiveState& state) {
  std::int64_t row = 0;
  for (const std::int64_t sequences : active) {
    for (std::size_t b = 0; b < static_cast<std::size_t>(sequences); ++b) {
      naive_step(weights, row_of(inputs, row++), state.hidden[b], state.cell[b]);
    }
  }
}

// All that was written, step after step.
template <class T>
Table naive_decode(const LstmWeights<T>& weights, const Matrix<T>& readout, std::span<const std::int64_t> active,
                   NaiveState& state) {
  Table written;
  Table last(state.hidden.size(), Row(static_cast<std::size_t>(weights.input_dim()), 0.0));
  for (const std::int64_t sequences : active) {
    for (std::size_t b = 0; b < static_cast<std::size_t>(sequences); ++b) {
      naive_step(weights, last[b], state.hidden[b], state.cell[b]);
      last[b] = times(state.hidden[b], readout);
      written.push_back(last[b]);
    }
  }
  return written;
}

// `sums`: numbers added up on the way, over all steps.
template <class T>
void expect_near(const Matrix<T>& got, const Table& want, std::int64_t sums) {
  const double tolerance = 16 * std::numeric_limits<T>::epsilon() * std::sqrt(static_cast<double>(sums + 1));
  ASSERT_EQ(static_cast<std::size_t>(got.rows()), want.size());
  for (std::int64_t i = 0; i < got.rows(); ++i) {
    for (std::int64_t j = 0; j < got.cols(); ++j) {
      const double number = want[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
      ASSERT_NEAR(static_cast<double>(got(i, j)), number, tolerance) << "at " << i << ", " << j;
    }
  }
}

}  // namespace knowscale::cuda

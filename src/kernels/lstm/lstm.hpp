// SPDX-License-Identifier: BSD-3-Clause
// The LSTM baseline on one rank (Hochreiter & Schmidhuber 1997, with forget gates, no peepholes):
//   i, f, g, o = sigma, sigma, tanh, sigma of (x W + h U + b);  c' = f c + i g;  h' = o tanh(c')
// Gate blocks of H columns in the order i, f, g, o. A sequence batch is time-major: row t B + b.
#pragma once

#include <cstdint>

#include "core/matrix.hpp"
#include "kernels/lstm/packed_matrix.hpp"
#include "kernels/threads.hpp"

namespace knowscale {

// Weights of one layer, row-major.
template <class T>
struct LstmWeights {
  Matrix<T> input;      // W: D x 4H
  Matrix<T> recurrent;  // U: H x 4H
  Matrix<T> bias;       // b: 1 x 4H

  std::int64_t input_dim() const { return input.rows(); }
  std::int64_t hidden() const { return recurrent.rows(); }
};

// Hidden and cell state of B sequences: B x H each.
template <class T>
struct LstmState {
  Matrix<T> hidden;
  Matrix<T> cell;
};

// One layer, its weights packed for products with few rows. Immutable once made; every call blocks until
// all threads are done, and its result has the same bits for every number of threads.
template <class T>
class Lstm {
 public:
  explicit Lstm(const LstmWeights<T>& weights);

  std::int64_t input_dim() const { return input_.rows(); }
  std::int64_t hidden() const { return recurrent_.rows(); }

  // projected (rows x 4H, gate blocks as above) = inputs (rows x D) W + b, for any number of steps at once.
  void project(MatrixView<const T> inputs, MatrixView<T> projected, const Threads& threads) const;

  // Advances `state` over projected.rows / B steps, B = state.hidden.rows(); projected is left unchanged.
  void advance(MatrixView<const T> projected, LstmState<T>& state, const Threads& threads) const;

  // One step from inputs not yet projected (B x D), for a decoder that feeds back what it wrote.
  void step(MatrixView<const T> inputs, LstmState<T>& state, const Threads& threads) const;

 private:
  PackedMatrix<T> input_;
  PackedMatrix<T> recurrent_;
  Matrix<T> bias_;
};

// Writes outputs (steps B x D, time-major): y_t = h_t `readout` (H x D), fed back as the input of step
// t + 1 (Sutskever et al. 2014); the first input is 0. `state` is then that after the last step.
template <class T>
void decode(const Lstm<T>& decoder, const PackedMatrix<T>& readout, LstmState<T>& state, MatrixView<T> outputs,
            const Threads& threads);

}  // namespace knowscale

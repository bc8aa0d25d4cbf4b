// SPDX-License-Identifier: BSD-3-Clause
// The LSTM baseline on one rank (Hochreiter & Schmidhuber 1997, with forget gates, no peepholes):
//   i, f, g, o = sigma, sigma, tanh, sigma of (x W + h U + b);  c' = f c + i g;  h' = o tanh(c')
// Gate blocks of H columns in the order i, f, g, o. A sequence batch is time-major: row t B + b. Where lengths
// differ, sequences lie by falling length and step t has rows only for those still running, the first active[t]
// ones, as PyTorch's packed sequences. For a, b, c of lengths 4, 2, 1:
//   active = 3, 2, 1, 1;  rows: | a0 b0 c0 | a1 b1 | a2 | a3 |
#pragma once

#include <cstdint>
#include <span>

#include "core/matrix.hpp"
#include "kernels/lstm/packed_matrix.hpp"
#include "kernels/lstm/weights.hpp"
#include "kernels/threads.hpp"

namespace knowscale {

// Hidden and cell state of B sequences: B x H each.
template <class T>
struct LstmState {
  Matrix<T> hidden;
  Matrix<T> cell;
};

// One layer, its weights packed for products with few rows. Immutable once made; every call blocks until
// all threads are done, and what a sequence gets has the same bits for every number of threads and whatever
// sequences run beside it.
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

  // The same where lengths differ: step t takes the next active[t] rows of `projected` for the first active[t]
  // sequences. `active` does not rise and starts at B at most; the state of a sequence stays as its last step left it.
  void advance(MatrixView<const T> projected, std::span<const std::int64_t> active, LstmState<T>& state,
               const Threads& threads) const;

  // One step of the first inputs.rows sequences from inputs not yet projected (rows x D), for a decoder that
  // feeds back what it wrote.
  void step(MatrixView<const T> inputs, LstmState<T>& state, const Threads& threads) const;

 private:
  // Advances the first `sequences` sequences alone, over projected.rows / `sequences` steps.
  void advance_first(std::int64_t sequences, MatrixView<const T> projected, LstmState<T>& state,
                     const Threads& threads) const;

  PackedMatrix<T> input_;
  PackedMatrix<T> recurrent_;
  Matrix<T> bias_;
};

// Writes outputs (steps B x D, time-major): y_t = h_t `readout` (H x D), fed back as the input of step
// t + 1 (Sutskever et al. 2014); the first input is 0. `state` is then that after the last step.
template <class T>
void decode(const Lstm<T>& decoder, const PackedMatrix<T>& readout, LstmState<T>& state, MatrixView<T> outputs,
            const Threads& threads);

// The same where lengths differ: step t writes the next active[t] rows of outputs, `active` as in Lstm::advance.
template <class T>
void decode(const Lstm<T>& decoder, const PackedMatrix<T>& readout, LstmState<T>& state, MatrixView<T> outputs,
            std::span<const std::int64_t> active, const Threads& threads);

}  // namespace knowscale

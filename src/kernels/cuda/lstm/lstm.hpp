// SPDX-License-Identifier: BSD-3-Clause
// The LSTM of kernels/lstm/lstm.hpp on a device: the same gates, the same time-major rows, the same `active` counts.
// Products by cuBLAS, the rest of a step in one kernel (gates.hpp). All matrices are views of device memory with
// any stride; calls queue work on the stream of `blas` and return.
#pragma once

#include <cstdint>
#include <span>

#include "core/matrix.hpp"
#include "kernels/cuda/runtime/device.hpp"
#include "kernels/cuda/runtime/gemm.hpp"
#include "kernels/lstm/weights.hpp"

namespace knowscale::cuda {

// Hidden and cell state of B sequences: B x H each, the caller's.
template <class T>
struct DeviceLstmState {
  MatrixView<T> hidden;
  MatrixView<T> cell;
};

// One layer. Keeps room for the products of a step, so that two calls may not run at once.
template <class T>
class DeviceLstm {
 public:
  // Copies the weights and waits for that. `blas` has to outlive it.
  DeviceLstm(const Blas& blas, const LstmWeights<T>& weights, Products products = Products::exact);

  std::int64_t input_dim() const { return input_dim_; }
  std::int64_t hidden() const { return hidden_; }

  // projected (rows x 4H, gate blocks i, f, g, o) = inputs (rows x D) W, for any number of steps at once. Unlike on the
  // host without the bias, which the gates add as they read it: no pass of its own.
  void project(MatrixView<const T> inputs, MatrixView<T> projected) const;

  // Advances `state` over projected.rows / B steps, B = state.hidden.rows; projected is left unchanged.
  void advance(MatrixView<const T> projected, const DeviceLstmState<T>& state);

  // The same where lengths differ: step t takes the next active[t] rows of `projected` for the first active[t]
  // sequences. `active` does not rise and starts at B at most; the state of a sequence stays as its last step left it.
  void advance(MatrixView<const T> projected, std::span<const std::int64_t> active, const DeviceLstmState<T>& state);

  // One step of the first inputs.rows sequences from inputs not yet projected (rows x D).
  void step(MatrixView<const T> inputs, const DeviceLstmState<T>& state);

  // Writes outputs (rows x D): y_t = h_t `readout` (H x D), fed back as the input of step t + 1; the first input is 0.
  // Step t writes the next active[t] rows. `state` is then that after the last step.
  void decode(MatrixView<const T> readout, const DeviceLstmState<T>& state, MatrixView<T> outputs,
              std::span<const std::int64_t> active);

  // The same where all B sequences are as long: steps B rows.
  void decode(MatrixView<const T> readout, const DeviceLstmState<T>& state, MatrixView<T> outputs);

 private:
  // One step of the first `sequences`: gates from `projected`, or else from `inputs`; both may be empty, for inputs
  // of 0.
  void update(MatrixView<const T> projected, MatrixView<const T> inputs, std::int64_t sequences,
              const DeviceLstmState<T>& state);
  MatrixView<const T> input_weights() const { return {input_.data(), input_dim_, 4 * hidden_, 4 * hidden_}; }
  MatrixView<const T> recurrent_weights() const { return {recurrent_.data(), hidden_, 4 * hidden_, 4 * hidden_}; }

  const Blas& blas_;
  Products products_;
  std::int64_t input_dim_;
  std::int64_t hidden_;
  DeviceBuffer<T> input_;      // W: D x 4H
  DeviceBuffer<T> recurrent_;  // U: H x 4H
  DeviceBuffer<T> bias_;       // b: 4H
  DeviceBuffer<T> sums_;       // of one step's products: B x 4H
};

}  // namespace knowscale::cuda

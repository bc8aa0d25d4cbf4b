// SPDX-License-Identifier: BSD-3-Clause
// A step is h U to `sums_`, then the gates, which overwrite h: the stream keeps their order, so that one hidden
// state is enough.
#include "kernels/cuda/lstm/lstm.hpp"

#include <algorithm>
#include <cassert>
#include <functional>
#include <vector>

#include "kernels/cuda/lstm/gates.hpp"

namespace knowscale::cuda {
namespace {

template <class T>
DeviceBuffer<T> copy_to_device(const Matrix<T>& matrix, const Stream& stream) {
  DeviceBuffer<T> buffer(matrix.size());
  check(cudaMemcpyAsync(buffer.data(), matrix.data(), matrix.span().size_bytes(), cudaMemcpyHostToDevice, stream),
        "cudaMemcpyAsync");
  return buffer;
}

template <class T>
std::vector<std::int64_t> all_active(const DeviceLstmState<T>& state, std::int64_t rows) {
  const std::int64_t sequences = state.hidden.rows, steps = sequences == 0 ? 0 : rows / sequences;
  assert(rows == steps * sequences);
  return std::vector<std::int64_t>(static_cast<std::size_t>(steps), sequences);
}

}  // namespace

template <class T>
DeviceLstm<T>::DeviceLstm(const Blas& blas, const LstmWeights<T>& weights, Products products)
    : blas_(blas),
      products_(products),
      input_dim_(weights.input_dim()),
      hidden_(weights.hidden()),
      input_(copy_to_device(weights.input, blas.stream())),
      recurrent_(copy_to_device(weights.recurrent, blas.stream())),
      bias_(copy_to_device(weights.bias, blas.stream())) {
  assert(weights.input.cols() == 4 * hidden_ && weights.recurrent.cols() == 4 * hidden_);
  assert(weights.bias.size() == 4 * hidden_);
  blas.stream().wait();
}

template <class T>
void DeviceLstm<T>::project(MatrixView<const T> inputs, MatrixView<T> projected) const {
  multiply<T, T>(blas_, inputs, input_weights(), projected, {.products = products_});
}

template <class T>
void DeviceLstm<T>::advance(MatrixView<const T> projected, const DeviceLstmState<T>& state) {
  advance(projected, all_active(state, projected.rows), state);
}

template <class T>
void DeviceLstm<T>::advance(MatrixView<const T> projected, std::span<const std::int64_t> active,
                            const DeviceLstmState<T>& state) {
  assert(std::ranges::is_sorted(active, std::greater<>()));
  std::int64_t row = 0;
  for (const std::int64_t sequences : active) {
    update(projected.slice_rows({row, row + sequences}), {}, sequences, state);
    row += sequences;
  }
  assert(row == projected.rows);
}

template <class T>
void DeviceLstm<T>::step(MatrixView<const T> inputs, const DeviceLstmState<T>& state) {
  update({}, inputs, inputs.rows, state);
}

template <class T>
void DeviceLstm<T>::decode(MatrixView<const T> readout, const DeviceLstmState<T>& state, MatrixView<T> outputs) {
  decode(readout, state, outputs, all_active(state, outputs.rows));
}

template <class T>
void DeviceLstm<T>::decode(MatrixView<const T> readout, const DeviceLstmState<T>& state, MatrixView<T> outputs,
                           std::span<const std::int64_t> active) {
  assert(std::ranges::is_sorted(active, std::greater<>()));
  MatrixView<const T> inputs;  // of the first step: 0
  std::int64_t row = 0;
  for (const std::int64_t sequences : active) {
    const MatrixView<T> written = outputs.slice_rows({row, row + sequences});
    update({}, inputs.data == nullptr ? inputs : inputs.slice_rows({0, sequences}), sequences, state);
    multiply<T, T>(blas_, state.hidden.slice_rows({0, sequences}), readout, written, {.products = products_});
    inputs = written;
    row += sequences;
  }
  assert(row == outputs.rows);
}

template <class T>
void DeviceLstm<T>::update(MatrixView<const T> projected, MatrixView<const T> inputs, std::int64_t sequences,
                           const DeviceLstmState<T>& state) {
  assert(sequences <= state.hidden.rows && state.hidden.cols == hidden_);
  if (sequences == 0) return;
  const RowRange first = {0, sequences};
  const MatrixView<T> hidden = state.hidden.slice_rows(first);
  sums_.reserve(sequences * 4 * hidden_);
  const MatrixView<T> sums = {sums_.data(), sequences, 4 * hidden_, 4 * hidden_};
  multiply<T, T>(blas_, hidden, recurrent_weights(), sums, {.products = products_});
  if (inputs.size() > 0) {
    multiply<T, T>(blas_, inputs, input_weights(), sums, {.beta = 1, .products = products_});
  }
  update_state<T>({projected.data, projected.stride, sums_.data(), bias_.data(), hidden, state.cell.slice_rows(first)},
                  blas_.stream());
}

template class DeviceLstm<float>;
template class DeviceLstm<double>;

}  // namespace knowscale::cuda

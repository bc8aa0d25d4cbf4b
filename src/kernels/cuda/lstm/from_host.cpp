// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/lstm/from_host.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "kernels/cuda/lstm/cudnn.hpp"
#include "kernels/cuda/lstm/lstm.hpp"
#include "kernels/cuda/runtime/placed_rows.hpp"
#include "kernels/cuda/runtime/rank_device.hpp"
#include "kernels/cuda/runtime/staging.hpp"

namespace knowscale::cuda {
namespace {

// Queues a copy; device memory, or one of the two the host's.
template <class T>
void copy_rows(MatrixView<const T> from, MatrixView<T> to, cudaMemcpyKind kind, const Stream& stream) {
  const auto bytes = [](std::int64_t count) { return static_cast<std::size_t>(count) * sizeof(T); };
  if (from.size() == 0) return;
  check(cudaMemcpy2DAsync(to.data, bytes(to.stride), from.data, bytes(from.stride), bytes(from.cols),
                          static_cast<std::size_t>(from.rows), kind, stream),
        "cudaMemcpy2DAsync");
}

// Every row = `row`, in copies of twice as many rows each.
template <class T>
void repeat_row(MatrixView<const T> row, MatrixView<T> rows, const Stream& stream) {
  copy_rows(row, rows.slice_rows({0, 1}), cudaMemcpyDeviceToDevice, stream);
  for (std::int64_t done = 1; done < rows.rows; done *= 2) {
    const std::int64_t more = std::min(done, rows.rows - done);
    copy_rows<T>(rows.slice_rows({0, more}), rows.slice_rows({done, done + more}), cudaMemcpyDeviceToDevice, stream);
  }
}

template <class T>
MatrixView<T> whole(DeviceBuffer<T>& buffer, std::int64_t rows, std::int64_t cols) {
  buffer.reserve(rows * cols);
  return {buffer.data(), rows, cols, cols};
}

// The states of one or more sequences.
template <class T>
class States {
 public:
  DeviceLstmState<T> of(std::int64_t sequences, std::int64_t hidden) {
    return {whole(hidden_, sequences, hidden), whole(cell_, sequences, hidden)};
  }

 private:
  DeviceBuffer<T> hidden_, cell_;
};

// The layer that reads: by cuDNN, whose steps take inputs, or by DeviceLstm, whose take projections.
template <class T>
class Encoder {
 public:
  Encoder(const RankDevice& device, const LstmWeights<T>& weights) : hidden_(weights.hidden()) {
    if constexpr (std::is_same_v<T, float>) cudnn_ = cudnn_lstm(device.stream(), weights);
    if (cudnn_ == nullptr) lstm_ = std::make_unique<DeviceLstm<T>>(device.blas(), weights);
  }

  bool takes_gaps() const { return cudnn_ == nullptr; }

  // `inputs` have to stay for read().
  void project(MatrixView<const T> inputs) {
    inputs_ = inputs;
    if (lstm_ != nullptr) lstm_->project(inputs, whole(projected_, inputs.rows, 4 * hidden_));
  }

  void read(std::span<const std::int64_t> active, const DeviceLstmState<T>& state) {
    if (lstm_ != nullptr) return lstm_->advance(whole(projected_, inputs_.rows, 4 * hidden_), active, state);
    if constexpr (std::is_same_v<T, float>) cudnn_->advance(inputs_, active, state);
  }

 private:
  std::int64_t hidden_;
  std::unique_ptr<CudnnLstm> cudnn_;
  std::unique_ptr<DeviceLstm<T>> lstm_;
  MatrixView<const T> inputs_;
  DeviceBuffer<T> projected_;
};

template <class T>
class OnDevice : public Seq2Seq<T> {
 public:
  // The caller has entered the device.
  OnDevice(RankDevice& device, const Seq2SeqWeights<T>& weights)
      : device_(device),
        stream_(device.stream()),
        input_dim_(weights.encoder.input_dim()),
        hidden_(weights.encoder.hidden()),
        encoder_(device, weights.encoder),
        decoder_(device.blas(), weights.decoder) {
    const MatrixView<const T> readout = weights.readout.view();
    copy_rows(readout, whole(readout_, readout.rows, readout.cols), cudaMemcpyHostToDevice, stream_);
    stream_.wait();
  }

  void project(MatrixView<const T> keys, MatrixView<const T> values) override {
    const auto lock = device_.enter();
    device_.copies().start(stream_);
    const MatrixView<const T> inputs = place_knowledge(keys, values);
    device_.copies().loaded(stream_);
    encoder_.project(inputs);
    one_a_step_.assign(static_cast<std::size_t>(inputs.rows), 1);
    device_.copies().computed(stream_);
    this->copied_ += device_.copies().stop(stream_);
  }

  void set_state(MatrixView<const T> hidden, MatrixView<const T> cell) override {
    const auto lock = device_.enter();
    const DeviceLstmState<T> state = state_.of(1, hidden_);
    device_.copies().start(stream_);
    copy_rows(hidden, state.hidden, cudaMemcpyHostToDevice, stream_);
    copy_rows(cell, state.cell, cudaMemcpyHostToDevice, stream_);
    device_.copies().loaded(stream_);
    device_.copies().computed(stream_);
    this->copied_ += device_.copies().stop(stream_);
  }

  void read() override {
    const auto lock = device_.enter();
    encoder_.read(one_a_step_, state_.of(1, hidden_));
  }

  void get_state(MatrixView<T> hidden, MatrixView<T> cell) override {
    const auto lock = device_.enter();
    const DeviceLstmState<T> state = state_.of(1, hidden_);
    device_.copies().start(stream_);
    device_.copies().loaded(stream_);
    device_.copies().computed(stream_);
    copy_rows<T>(state.hidden, hidden, cudaMemcpyDeviceToHost, stream_);
    copy_rows<T>(state.cell, cell, cudaMemcpyDeviceToHost, stream_);
    this->copied_ += device_.copies().stop(stream_);
  }

  void answer(std::span<const std::int64_t> active, MatrixView<T> rows) override {
    const auto lock = device_.enter();
    device_.copies().start(stream_);
    const HeadLayout with_zeros = {1, rows.cols, input_dim_};
    const T* inputs = tokens_.to_device(MatrixView<const T>(rows), with_zeros, stream_);
    device_.copies().loaded(stream_);
    const DeviceLstmState<T> one = state_.of(1, hidden_), all = batch_states_.of(active.front(), hidden_);
    repeat_row<T>(one.hidden, all.hidden, stream_);
    repeat_row<T>(one.cell, all.cell, stream_);
    encoder_.project({inputs, rows.rows, input_dim_, input_dim_});
    encoder_.read(active, all);
    T* written = written_.template on_device<T>(rows.size());
    decoder_.decode(whole(readout_, hidden_, rows.cols), all, {written, rows.rows, rows.cols, rows.cols}, active);
    device_.copies().computed(stream_);
    const T* arrived = written_.template to_host<T>(rows.size(), stream_);
    for (std::int64_t i = 0; i < rows.rows; ++i) std::copy_n(arrived + i * rows.cols, rows.cols, rows.row(i));
    this->copied_ += device_.copies().stop(stream_);
  }

 private:
  // The encoder's inputs: where the keys are, unless values have to lie beside them or gaps may not.
  MatrixView<const T> place_knowledge(MatrixView<const T> keys, MatrixView<const T> values) {
    const MatrixView<const T> placed = place_rows(keys_, keys);
    const bool gaps = placed.stride != placed.cols;
    if (values.rows == 0 && (!gaps || encoder_.takes_gaps())) return placed;
    const MatrixView<T> inputs = whole(inputs_, keys.rows, input_dim_);
    copy_rows(placed, inputs.slice_cols(0, keys.cols), cudaMemcpyDeviceToDevice, stream_);
    if (values.rows > 0) {
      copy_rows(place_rows(values_, values), inputs.slice_cols(keys.cols, values.cols), cudaMemcpyDeviceToDevice,
                stream_);
    }
    return inputs;
  }

  MatrixView<const T> place_rows(Staging& staging, MatrixView<const T> rows) {
    const PlacedRows<T> placed = place(device_, staging, rows, 1, rows.cols);
    return {placed.data, rows.rows, rows.cols, placed.stride};
  }

  RankDevice& device_;
  const Stream& stream_;
  std::int64_t input_dim_, hidden_;
  Encoder<T> encoder_;
  DeviceLstm<T> decoder_;
  DeviceBuffer<T> readout_;  // H x d
  Staging keys_, values_, tokens_, written_;
  DeviceBuffer<T> inputs_;
  std::vector<std::int64_t> one_a_step_;  // as many as rows were projected
  States<T> state_, batch_states_;
};

template <class T>
std::unique_ptr<Seq2Seq<T>> make(const Seq2SeqWeights<T>& weights, const Seq2SeqSizes&, const Threads&) {
  RankDevice& device = RankDevice::in_use();
  const auto lock = device.enter();
  return std::make_unique<OnDevice<T>>(device, weights);
}

}  // namespace

constinit const ByPrecision<MakeSeq2Seq> seq2seq_on_device =
    by_precision<MakeSeq2Seq>([]<class T>() { return make<T>; }, Numbers<float, double>());

}  // namespace knowscale::cuda

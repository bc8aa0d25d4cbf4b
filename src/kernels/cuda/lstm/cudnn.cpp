// SPDX-License-Identifier: BSD-3-Clause
// cuDNN's RNN calls (version 9; cudnn_adv.h). Our batches are what it calls packed: sequences by falling length, the
// rows of a step beside each other. Its gates 0 to 3 are i, f, g, o too; of each it wants H x D and H x H weights, the
// transposes of our blocks, and finds their places itself.
#include "kernels/cuda/lstm/cudnn.hpp"

#include <cudnn.h>

#include <array>
#include <cassert>
#include <limits>
#include <source_location>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace knowscale::cuda {
namespace {

using cuda::check;

void check(cudnnStatus_t status, const char* call,
           const std::source_location& place = std::source_location::current()) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  throw Error(ExitStatus::resource, std::string(call) + ": " + cudnnGetErrorString(status) + " (" + place.file_name() +
                                        ":" + std::to_string(place.line()) + ")");
}

template <class Handle, cudnnStatus_t (*Create)(Handle*), cudnnStatus_t (*Destroy)(Handle)>
class Owned {
 public:
  Owned() { check(Create(&handle_), "cudnnCreate"); }
  ~Owned() { static_cast<void>(Destroy(handle_)); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  operator Handle() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};

using Library = Owned<cudnnHandle_t, cudnnCreate, cudnnDestroy>;
using Rnn = Owned<cudnnRNNDescriptor_t, cudnnCreateRNNDescriptor, cudnnDestroyRNNDescriptor>;
using Rows = Owned<cudnnRNNDataDescriptor_t, cudnnCreateRNNDataDescriptor, cudnnDestroyRNNDataDescriptor>;
using Tensor = Owned<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using Dropout = Owned<cudnnDropoutDescriptor_t, cudnnCreateDropoutDescriptor, cudnnDestroyDropoutDescriptor>;

int to_int(std::int64_t count, const char* what) {
  require(count <= std::numeric_limits<int>::max(), ExitStatus::resource,
          std::string("cuDNN counts ") + what + " in 32 bits, and there are " + std::to_string(count));
  return static_cast<int>(count);
}

// The length of each sequence that has a step, the longest first.
std::vector<int> lengths_of(std::span<const std::int64_t> active) {
  std::vector<int> lengths(active.empty() ? 0 : static_cast<std::size_t>(active.front()), 0);
  for (const std::int64_t sequences : active) {
    for (std::int64_t b = 0; b < sequences; ++b) ++lengths[static_cast<std::size_t>(b)];
  }
  return lengths;
}

void copy_rows(MatrixView<const float> from, MatrixView<float> to, const Stream& stream) {
  const auto bytes = [](std::int64_t count) { return static_cast<std::size_t>(count) * sizeof(float); };
  check(cudaMemcpy2DAsync(to.data, bytes(to.stride), from.data, bytes(from.stride), bytes(from.cols),
                          static_cast<std::size_t>(from.rows), cudaMemcpyDeviceToDevice, stream),
        "cudaMemcpy2DAsync");
}

class Layer : public CudnnLstm {
 public:
  Layer(const Stream& stream, const LstmWeights<float>& weights, const CudnnOptions& options)
      : stream_(stream), input_dim_(weights.input_dim()), hidden_(weights.hidden()) {
    check(cudnnSetStream(library_, stream), "cudnnSetStream");
    describe(options);
    place_weights(weights);
  }

  void advance(MatrixView<const float> inputs, std::span<const std::int64_t> active,
               const DeviceLstmState<float>& state) override {
    const std::vector<int> lengths = lengths_of(active);
    if (lengths.empty()) return;
    const auto sequences = static_cast<std::int64_t>(lengths.size());
    assert(inputs.cols == input_dim_ && (inputs.rows <= 1 || inputs.stride == inputs.cols));
    assert(sequences <= state.hidden.rows && state.hidden.cols == hidden_);
    reserve(inputs.rows, sequences);
    const MatrixView<float> hidden = state.hidden.slice_rows({0, sequences});
    const MatrixView<float> cell = state.cell.slice_rows({0, sequences});
    copy_rows(hidden, before(0, sequences), stream_);
    copy_rows(cell, before(1, sequences), stream_);
    forward(inputs, lengths);
    copy_rows(after(0, sequences), hidden, stream_);
    copy_rows(after(1, sequences), cell, stream_);
  }

 private:
  void describe(const CudnnOptions& options) {
    check(cudnnSetDropoutDescriptor(dropout_, library_, 0, nullptr, 0, 0), "cudnnSetDropoutDescriptor");
    const cudnnMathType_t math = options.products == Products::exact ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH;
    const cudnnRNNAlgo_t algorithm = options.persistent ? CUDNN_RNN_ALGO_PERSIST_STATIC : CUDNN_RNN_ALGO_STANDARD;
    const int hidden = to_int(hidden_, "hidden units");
    check(cudnnSetRNNDescriptor_v8(rnn_, algorithm, CUDNN_LSTM, CUDNN_RNN_DOUBLE_BIAS, CUDNN_UNIDIRECTIONAL,
                                   CUDNN_LINEAR_INPUT, CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, math,
                                   to_int(input_dim_, "input dimensions"), hidden, hidden, 1, dropout_,
                                   CUDNN_RNN_PADDED_IO_DISABLED),
          "cudnnSetRNNDescriptor_v8");
    check(cudnnGetRNNWeightSpaceSize(library_, rnn_, &weight_bytes_), "cudnnGetRNNWeightSpaceSize");
    weights_.reserve(static_cast<std::int64_t>(weight_bytes_));
  }

  // With the two biases of cuDNN's default, which all of its algorithms know; that of the recurrent product stays 0.
  void place_weights(const LstmWeights<float>& weights) {
    check(cudaMemsetAsync(weights_.data(), 0, weight_bytes_, stream_), "cudaMemsetAsync");
    for (int gate = 0; gate < 4; ++gate) {
      place_gate(weights.input, gate, 0, weights.bias.data() + gate * hidden_);
      place_gate(weights.recurrent, gate, 4, nullptr);
    }
  }

  // Puts gate block `gate` of a matrix, and its bias where there is one, where cuDNN looks for number first + gate.
  void place_gate(const Matrix<float>& matrix, int gate, int first, const float* bias) {
    const Tensor matrix_shape, bias_shape;
    void *matrix_place = nullptr, *bias_place = nullptr;
    check(cudnnGetRNNWeightParams(library_, rnn_, 0, weight_bytes_, weights_.data(), first + gate, matrix_shape,
                                  &matrix_place, bias_shape, &bias_place),
          "cudnnGetRNNWeightParams");
    Matrix<float> transposed(hidden_, matrix.rows());
    for (std::int64_t unit = 0; unit < hidden_; ++unit) {
      for (std::int64_t k = 0; k < matrix.rows(); ++k) transposed(unit, k) = matrix(k, gate * hidden_ + unit);
    }
    check(cudaMemcpyAsync(matrix_place, transposed.data(), transposed.span().size_bytes(), cudaMemcpyHostToDevice,
                          stream_),
          "cudaMemcpyAsync");
    if (bias != nullptr) {
      check(cudaMemcpyAsync(bias_place, bias, static_cast<std::size_t>(hidden_) * sizeof(float), cudaMemcpyHostToDevice,
                            stream_),
            "cudaMemcpyAsync");
    }
    stream_.wait();
  }

  void reserve(std::int64_t rows, std::int64_t sequences) {
    written_.reserve(rows * hidden_);
    for (DeviceBuffer<float>& buffer : before_) buffer.reserve(sequences * hidden_);
    for (DeviceBuffer<float>& buffer : after_) buffer.reserve(sequences * hidden_);
  }

  MatrixView<float> before(std::size_t i, std::int64_t sequences) {
    return {before_[i].data(), sequences, hidden_, hidden_};
  }
  MatrixView<float> after(std::size_t i, std::int64_t sequences) {
    return {after_[i].data(), sequences, hidden_, hidden_};
  }

  // before_ to after_. Lengths on the device are no longer asked for (nullptr), nor is room to train with.
  void forward(MatrixView<const float> inputs, const std::vector<int>& lengths) {
    const Rows read, written;
    const Tensor state;
    describe_rows(read, input_dim_, lengths);
    describe_rows(written, hidden_, lengths);
    const int units = static_cast<int>(hidden_), sequences = static_cast<int>(lengths.size());
    const std::array<int, 3> shape = {1, sequences, units}, strides = {sequences * units, units, 1};
    check(cudnnSetTensorNdDescriptor(state, CUDNN_DATA_FLOAT, 3, shape.data(), strides.data()),
          "cudnnSetTensorNdDescriptor");
    std::size_t work_bytes = 0, training_bytes = 0;
    check(cudnnGetRNNTempSpaceSizes(library_, rnn_, CUDNN_FWD_MODE_INFERENCE, read, &work_bytes, &training_bytes),
          "cudnnGetRNNTempSpaceSizes");
    work_.reserve(static_cast<std::int64_t>(work_bytes));
    check(cudnnRNNForward(library_, rnn_, CUDNN_FWD_MODE_INFERENCE, nullptr, read, inputs.data, written,
                          written_.data(), state, before_[0].data(), after_[0].data(), state, before_[1].data(),
                          after_[1].data(), weight_bytes_, weights_.data(), work_bytes, work_.data(), 0, nullptr),
          "cudnnRNNForward");
  }

  void describe_rows(const Rows& rows, std::int64_t width, const std::vector<int>& lengths) const {
    check(cudnnSetRNNDataDescriptor(rows, CUDNN_DATA_FLOAT, CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED, lengths.front(),
                                    to_int(static_cast<std::int64_t>(lengths.size()), "sequences"),
                                    static_cast<int>(width), lengths.data(), nullptr),
          "cudnnSetRNNDataDescriptor");
  }

  const Stream& stream_;
  std::int64_t input_dim_;
  std::int64_t hidden_;
  Library library_;
  Dropout dropout_;
  Rnn rnn_;
  std::size_t weight_bytes_ = 0;
  DeviceBuffer<unsigned char> weights_;
  DeviceBuffer<unsigned char> work_;
  DeviceBuffer<float> written_;                // hidden states of all steps, which nobody reads
  std::array<DeviceBuffer<float>, 2> before_;  // hidden and cell state: cuDNN does not say that it may overwrite them
  std::array<DeviceBuffer<float>, 2> after_;
};

}  // namespace

std::unique_ptr<CudnnLstm> cudnn_lstm(const Stream& stream, const LstmWeights<float>& weights,
                                      const CudnnOptions& options) {
  return std::make_unique<Layer>(stream, weights, options);
}

std::string cudnn_version() {
  const std::size_t version = cudnnGetVersion();
  return "cuDNN " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace knowscale::cuda

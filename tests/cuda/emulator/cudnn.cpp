// SPDX-License-Identifier: BSD-3-Clause
// From what cuDNN's manual says of cudnnRNNForward, cudnnGetRNNWeightParams and cudnnSetRNNDataDescriptor:
//   gates 0 to 3 are input, forget, new memory, output; weights 0 to 3 are those of x, 4 to 7 those of h, each
//   H rows of numbers that follow one another, and each with a bias of its own (CUDNN_RNN_DOUBLE_BIAS);
//   packed rows: step after step, of each the sequences that still run, which lie by falling length.
#include "cudnn.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "emulator.hpp"
#include "launch.cuh"

struct EmulatedDnn {
  cudaStream_t stream = nullptr;
};
struct EmulatedDropout {
  bool set = false;
};
struct EmulatedTensor {
  std::vector<int> sizes, strides;
};
struct EmulatedRnn {
  std::int64_t input = 0, hidden = 0;
  bool rounded = false;  // factors to 11 bits

  std::int64_t bias_count() const { return hidden; }
  std::int64_t matrix_count(int id) const { return hidden * (id < 4 ? input : hidden); }
};
struct EmulatedRnnData {
  int width = 0;
  std::vector<int> lengths;

  std::int64_t rows() const {
    std::int64_t sum = 0;
    for (const int length : lengths) sum += length;
    return sum;
  }
};

namespace {

constexpr std::int64_t kGap = 3;  // numbers behind each block of weights
constexpr std::size_t kWorkBytes = 1000;

// Where block `id` starts: the last first, biases (8 + the number of the matrix) before all matrices.
std::int64_t offset_of(const EmulatedRnn& rnn, int id) {
  const bool bias = id >= 8;
  std::int64_t offset = bias ? 0 : 8 * (rnn.bias_count() + kGap);
  for (int other = bias ? 15 : 7; other > id; --other) {
    offset += kGap + (bias ? rnn.bias_count() : rnn.matrix_count(other));
  }
  return offset;
}

std::size_t weight_bytes_of(const EmulatedRnn& rnn) {
  return static_cast<std::size_t>(offset_of(rnn, 0) + rnn.matrix_count(0) + kGap) * sizeof(float);
}

double factor(float x, bool rounded) {
  if (!rounded) return static_cast<double>(x);
  const auto bits = std::bit_cast<std::uint32_t>(x) + 0x1000;
  return static_cast<double>(std::bit_cast<float>(bits & ~std::uint32_t{0x1fff}));
}

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

// One step of one sequence: h and c to the new ones.
struct Step {
  const EmulatedRnn& rnn;
  const float* weights;

  double product(const float* x, std::int64_t count, int id, std::int64_t unit) const {
    const float* row = weights + offset_of(rnn, id) + unit * count;
    double sum = 0;
    for (std::int64_t k = 0; k < count; ++k) sum += factor(row[k], rnn.rounded) * factor(x[k], rnn.rounded);
    return sum;
  }

  double bias(int id, std::int64_t unit) const { return static_cast<double>(weights[offset_of(rnn, 8 + id) + unit]); }

  void run(const float* x, std::vector<float>& h, std::vector<float>& c) const {
    std::vector<float> next(h.size());
    for (std::int64_t unit = 0; unit < rnn.hidden; ++unit) {
      double gate[4];
      for (int g = 0; g < 4; ++g) {
        gate[g] = product(x, rnn.input, g, unit) + product(h.data(), rnn.hidden, 4 + g, unit) + bias(g, unit) +
                  bias(4 + g, unit);
      }
      const auto u = static_cast<std::size_t>(unit);
      const double cell = sigma(gate[1]) * static_cast<double>(c[u]) + sigma(gate[0]) * std::tanh(gate[2]);
      c[u] = static_cast<float>(cell);
      next[u] = static_cast<float>(sigma(gate[3]) * std::tanh(cell));
    }
    h = std::move(next);
  }
};

// The row of `sequence` at step t among the packed ones.
std::int64_t packed_row(const std::vector<int>& lengths, int t, std::int64_t sequence) {
  std::int64_t row = sequence;
  for (const int length : lengths) row += std::min(length, t);
  return row;
}

bool is_state(const EmulatedTensor& tensor, const EmulatedRnn& rnn, const EmulatedRnnData& data) {
  const int hidden = static_cast<int>(rnn.hidden), sequences = static_cast<int>(data.lengths.size());
  return tensor.sizes == std::vector<int>{1, sequences, hidden} &&
         tensor.strides == std::vector<int>{sequences * hidden, hidden, 1};
}

template <class Owned>
cudnnStatus_t create(Owned** owned) {
  *owned = new Owned;
  return CUDNN_STATUS_SUCCESS;
}
template <class Owned>
cudnnStatus_t destroy(Owned* owned) {
  delete owned;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS: return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED: return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_BAD_PARAM: return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_EXECUTION_FAILED: return "CUDNN_STATUS_EXECUTION_FAILED";
  }
  return "unknown";
}
std::size_t cudnnGetVersion() { return 91203; }
cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) { return create(handle); }
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) { return destroy(handle); }
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* tensor) { return create(tensor); }
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) { return destroy(tensor); }
cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t tensor, cudnnDataType_t type, int dimensions,
                                         const int sizes[], const int strides[]) {
  tensor->sizes.assign(sizes, sizes + dimensions);
  tensor->strides.assign(strides, strides + dimensions);
  return type == CUDNN_DATA_FLOAT ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
}
cudnnStatus_t cudnnCreateDropoutDescriptor(cudnnDropoutDescriptor_t* dropout) { return create(dropout); }
cudnnStatus_t cudnnDestroyDropoutDescriptor(cudnnDropoutDescriptor_t dropout) { return destroy(dropout); }
cudnnStatus_t cudnnSetDropoutDescriptor(cudnnDropoutDescriptor_t dropout, cudnnHandle_t, float probability, void*,
                                        std::size_t, unsigned long long) {
  dropout->set = true;
  return probability == 0 ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
}

cudnnStatus_t cudnnCreateRNNDescriptor(cudnnRNNDescriptor_t* rnn) { return create(rnn); }
cudnnStatus_t cudnnDestroyRNNDescriptor(cudnnRNNDescriptor_t rnn) { return destroy(rnn); }
cudnnStatus_t cudnnSetRNNDescriptor_v8(cudnnRNNDescriptor_t rnn, cudnnRNNAlgo_t, cudnnRNNMode_t cell,
                                       cudnnRNNBiasMode_t bias, cudnnDirectionMode_t direction, cudnnRNNInputMode_t,
                                       cudnnDataType_t type, cudnnDataType_t precision, cudnnMathType_t math,
                                       std::int32_t input, std::int32_t hidden, std::int32_t projection,
                                       std::int32_t layers, cudnnDropoutDescriptor_t dropout, std::uint32_t) {
  if (input <= 0 || hidden <= 0 || layers != 1 || !dropout->set) return CUDNN_STATUS_BAD_PARAM;
  if (cell != CUDNN_LSTM || bias != CUDNN_RNN_DOUBLE_BIAS || direction != CUDNN_UNIDIRECTIONAL ||
      type != CUDNN_DATA_FLOAT || precision != CUDNN_DATA_FLOAT || projection != hidden) {
    return CUDNN_STATUS_NOT_SUPPORTED;
  }
  *rnn = {input, hidden, math == CUDNN_DEFAULT_MATH};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t, cudnnRNNDescriptor_t rnn, std::size_t* bytes) {
  *bytes = weight_bytes_of(*rnn);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetRNNWeightParams(cudnnHandle_t, cudnnRNNDescriptor_t rnn, std::int32_t layer, std::size_t bytes,
                                      const void* space, std::int32_t id, cudnnTensorDescriptor_t matrix_shape,
                                      void** matrix, cudnnTensorDescriptor_t bias_shape, void** bias) {
  if (layer != 0 || id < 0 || id >= 8 || bytes != weight_bytes_of(*rnn)) return CUDNN_STATUS_BAD_PARAM;
  if (matrix_shape == nullptr || bias_shape == nullptr) return CUDNN_STATUS_BAD_PARAM;
  auto* numbers = static_cast<float*>(const_cast<void*>(space));
  *matrix = numbers + offset_of(*rnn, id);
  *bias = numbers + offset_of(*rnn, 8 + id);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateRNNDataDescriptor(cudnnRNNDataDescriptor_t* data) { return create(data); }
cudnnStatus_t cudnnDestroyRNNDataDescriptor(cudnnRNNDataDescriptor_t data) { return destroy(data); }
cudnnStatus_t cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t data, cudnnDataType_t type,
                                        cudnnRNNDataLayout_t layout, int steps, int sequences, int width,
                                        const int lengths[], void*) {
  if (type != CUDNN_DATA_FLOAT || layout != CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED) return CUDNN_STATUS_NOT_SUPPORTED;
  if (steps <= 0 || sequences <= 0 || width <= 0) return CUDNN_STATUS_BAD_PARAM;
  const std::vector<int> all(lengths, lengths + sequences);
  if (!std::is_sorted(all.begin(), all.end(), std::greater<>())) return CUDNN_STATUS_BAD_PARAM;
  if (all.front() > steps || all.back() <= 0) return CUDNN_STATUS_BAD_PARAM;
  *data = {width, all};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t, cudnnRNNDescriptor_t, cudnnForwardMode_t,
                                        cudnnRNNDataDescriptor_t, std::size_t* work, std::size_t* reserve) {
  *work = kWorkBytes;
  *reserve = 0;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNForward(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, cudnnForwardMode_t mode,
                              const std::int32_t*, cudnnRNNDataDescriptor_t x_data, const void* x,
                              cudnnRNNDataDescriptor_t y_data, void* y, cudnnTensorDescriptor_t h_shape, const void* hx,
                              void* hy, cudnnTensorDescriptor_t c_shape, const void* cx, void* cy,
                              std::size_t weight_bytes, const void* weights, std::size_t work_bytes, void* work,
                              std::size_t, void*) {
  if (handle->stream == nullptr || mode != CUDNN_FWD_MODE_INFERENCE) return CUDNN_STATUS_NOT_SUPPORTED;
  if (x_data->lengths != y_data->lengths || x_data->width != rnn->input || y_data->width != rnn->hidden ||
      !is_state(*h_shape, *rnn, *x_data) || !is_state(*c_shape, *rnn, *x_data) ||
      weight_bytes != weight_bytes_of(*rnn) || work_bytes < kWorkBytes) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  const std::int64_t rows = x_data->rows(), hidden = rnn->hidden;
  const auto sequences = static_cast<std::int64_t>(x_data->lengths.size());
  const auto require = [](const void* data, std::int64_t count, const char* what) {
    emulator::require_device_memory(data, static_cast<std::size_t>(count) * sizeof(float), what);
  };
  require(x, rows * rnn->input, "cuDNN: x");
  require(y, rows * hidden, "cuDNN: y");
  for (const void* state : {hx, static_cast<const void*>(hy), cx, static_cast<const void*>(cy)}) {
    require(state, sequences * hidden, "cuDNN: state");
  }
  emulator::require_device_memory(weights, weight_bytes, "cuDNN: weights");
  emulator::require_device_memory(work, work_bytes, "cuDNN: work space");
  if (emulated_launch({1}, {32}, 0) != cudaSuccess) return CUDNN_STATUS_EXECUTION_FAILED;
  const Step step = {*rnn, static_cast<const float*>(weights)};
  for (std::int64_t b = 0; b < sequences; ++b) {
    const auto* h_first = static_cast<const float*>(hx) + b * hidden;
    const auto* c_first = static_cast<const float*>(cx) + b * hidden;
    std::vector<float> h(h_first, h_first + hidden), c(c_first, c_first + hidden);
    for (int t = 0; t < x_data->lengths[static_cast<std::size_t>(b)]; ++t) {
      const std::int64_t row = packed_row(x_data->lengths, t, b);
      step.run(static_cast<const float*>(x) + row * rnn->input, h, c);
      std::copy(h.begin(), h.end(), static_cast<float*>(y) + row * hidden);
    }
    std::copy(h.begin(), h.end(), static_cast<float*>(hy) + b * hidden);
    std::copy(c.begin(), c.end(), static_cast<float*>(cy) + b * hidden);
  }
  return CUDNN_STATUS_SUCCESS;
}

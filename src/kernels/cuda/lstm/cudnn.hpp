// SPDX-License-Identifier: BSD-3-Clause
// The LSTM of f32 by cuDNN, whose steps are its own kernels: what a vendor makes of the baseline. A layer that reads;
// one that feeds back what it wrote is no call of cuDNN's, and stays with DeviceLstm::decode.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/matrix.hpp"
#include "kernels/cuda/lstm/lstm.hpp"
#include "kernels/cuda/runtime/device.hpp"
#include "kernels/cuda/runtime/gemm.hpp"
#include "kernels/lstm/weights.hpp"

namespace knowscale::cuda {

class CudnnLstm {
 public:
  virtual ~CudnnLstm() = default;

  // DeviceLstm's project and advance in one: step t takes the next active[t] rows of `inputs` (rows x D, no padding
  // between rows) for the first active[t] sequences. Queues work on the stream and returns.
  virtual void advance(MatrixView<const float> inputs, std::span<const std::int64_t> active,
                       const DeviceLstmState<float>& state) = 0;
};

struct CudnnOptions {
  Products products = Products::exact;
  // Keep U on the multiprocessors over all steps. Error(resource) for a size that cuDNN cannot keep.
  bool persistent = false;
};

// Copies the weights and waits for that; `stream` has to outlive it. Nothing where this build has no cuDNN.
std::unique_ptr<CudnnLstm> cudnn_lstm(const Stream& stream, const LstmWeights<float>& weights,
                                      const CudnnOptions& options = {});

// The library and its version, e.g. "cuDNN 9.19.0"; empty where this build has none.
std::string cudnn_version();

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// An encoder-decoder LSTM on the device of this rank.
#pragma once

#include <memory>

#include "kernels/lstm/seq2seq.hpp"
#include "kernels/lstm/weights.hpp"

namespace knowscale::cuda {

// In f32 cuDNN reads where this build has it, otherwise DeviceLstm, which writes in any case. Rows of the knowledge
// that are kept on the device are read there, others are copied. read() returns before it is done.
template <class T>
std::unique_ptr<Seq2Seq<T>> seq2seq_on_device(const Seq2SeqWeights<T>& weights);

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// An encoder-decoder LSTM on the device of this rank.
#pragma once

#include "kernels/lstm/seq2seq.hpp"

namespace knowscale::cuda {

// In f32 cuDNN reads where this build has it, otherwise DeviceLstm, which writes in any case. Rows of the knowledge
// that are kept on the device are read there, others are copied. read() returns before it is done.
extern const ByPrecision<MakeSeq2Seq> seq2seq_on_device;

}  // namespace knowscale::cuda

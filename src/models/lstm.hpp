// SPDX-License-Identifier: BSD-3-Clause
// `lstm`: the encoder-decoder baseline (Sutskever, Vinyals & Le 2014). The encoder reads the knowledge as a
// prefix, one vector per step, then the sequence; the decoder writes n vectors from the state.
//
// What the structure lets run side by side does: the input projections of a shard need no state, so every
// rank makes its own at once; the prefix is the same for all sequences, so it is read once; the sequences
// of a batch are divided over the ranks. The recurrence itself is a chain through the ranks:
//
//   rank 0: project | read shard 0 |--h,c-->
//   rank 1: project |    wait      | read shard 1 |--h,c--> ...   last: broadcast h,c; all: own sequences
#pragma once

#include <string_view>

#include "models/cost.hpp"
#include "models/model.hpp"

namespace knowscale::lstm_model {

// Case::kernel of an LSTM on the device of each rank, where encoder and decoder then run; any other is one on the host.
// The state passes through the host where ranks exchange it.
inline constexpr std::string_view kOnDevice = "cuda";

// In f32 and f64: it computes in the format that it stores.
extern const ByPrecision<PrepareModel> prepare;

// 8 H (D + H) FLOPs per step; the readout adds 2 H d per written vector.
Cost cost(const Case& c);

// Width of what the encoder reads in a step: a knowledge vector, with its value beside it where the set has
// separate values. A token takes the leading d columns, the rest is 0.
std::int64_t input_dim(const Case& c, bool separate_values);

}  // namespace knowscale::lstm_model

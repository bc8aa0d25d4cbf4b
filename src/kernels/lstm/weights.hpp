// SPDX-License-Identifier: BSD-3-Clause
// The weights of LSTM layers, for every back end: gate blocks of H columns in the order i, f, g, o.
#pragma once

#include <cstdint>

#include "core/matrix.hpp"

namespace knowscale {

// Row-major.
template <class T>
struct LstmWeights {
  Matrix<T> input;      // W: D x 4H
  Matrix<T> recurrent;  // U: H x 4H
  Matrix<T> bias;       // b: 1 x 4H

  std::int64_t input_dim() const { return input.rows(); }
  std::int64_t hidden() const { return recurrent.rows(); }
};

// An encoder-decoder LSTM: the encoder reads the knowledge and then the sequence, the decoder writes.
template <class T>
struct Seq2SeqWeights {
  LstmWeights<T> encoder;  // input_dim -> H
  LstmWeights<T> decoder;  // d -> H
  Matrix<T> readout;       // H x d
};

}  // namespace knowscale

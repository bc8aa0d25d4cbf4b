// SPDX-License-Identifier: BSD-3-Clause
// The weights of one LSTM layer, for every back end: gate blocks of H columns in the order i, f, g, o.
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

}  // namespace knowscale

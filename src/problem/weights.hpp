// SPDX-License-Identifier: BSD-3-Clause
// Weights of the controls, from a seed: nothing is trained, because time and symmetry do not depend on it.
#pragma once

#include <cstdint>

#include "core/matrix.hpp"
#include "kernels/lstm/weights.hpp"

namespace knowscale {

// Uniform in (-1, 1) / sqrt(H), as PyTorch initialises its LSTM. Every rank makes the same.
template <class T>
Seq2SeqWeights<T> make_seq2seq_weights(std::uint64_t seed, std::int64_t input_dim, std::int64_t hidden,
                                       std::int64_t output_dim);

// Projections of a transformer.
template <class T>
struct ProjectionWeights {
  Matrix<T> query;   // d x d
  Matrix<T> key;     // d x (kv_heads d_h)
  Matrix<T> value;   // d x (kv_heads d_h)
  Matrix<T> output;  // d x d
};

// Uniform in (-1, 1) sqrt(3 / d), so that a projected unit vector has unit variance (Glorot & Bengio 2010). Every rank
// makes the same.
template <class T>
ProjectionWeights<T> make_projection_weights(std::uint64_t seed, std::int64_t d, std::int64_t kv_width);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "problem/weights.hpp"

#include <cmath>
#include <vector>

#include "core/random.hpp"

namespace knowscale {
namespace {

// Hands out rows of the weight stream one after another, so that no two matrices share numbers.
template <class T>
class WeightSource {
 public:
  WeightSource(std::uint64_t seed, double bound) : seed_(seed), bound_(bound) {}

  Matrix<T> next(std::int64_t rows, std::int64_t cols) {
    Matrix<T> matrix(rows, cols);
    std::vector<double> row(static_cast<std::size_t>(cols));
    for (std::int64_t i = 0; i < rows; ++i) {
      fill_uniform(seed_, Draw::weights, next_row_++, row);
      for (std::int64_t j = 0; j < cols; ++j) matrix(i, j) = static_cast<T>(bound_ * row[static_cast<std::size_t>(j)]);
    }
    return matrix;
  }

  LstmWeights<T> next_layer(std::int64_t input_dim, std::int64_t hidden) {
    LstmWeights<T> layer;
    layer.input = next(input_dim, 4 * hidden);
    layer.recurrent = next(hidden, 4 * hidden);
    layer.bias = next(1, 4 * hidden);
    return layer;
  }

 private:
  std::uint64_t seed_;
  double bound_;
  std::int64_t next_row_ = 0;
};

}  // namespace

template <class T>
Seq2SeqWeights<T> make_seq2seq_weights(std::uint64_t seed, std::int64_t input_dim, std::int64_t hidden,
                                       std::int64_t output_dim) {
  WeightSource<T> source(seed, 1 / std::sqrt(static_cast<double>(hidden)));
  Seq2SeqWeights<T> weights;
  weights.encoder = source.next_layer(input_dim, hidden);
  weights.decoder = source.next_layer(output_dim, hidden);
  weights.readout = source.next(hidden, output_dim);
  return weights;
}

template <class T>
ProjectionWeights<T> make_projection_weights(std::uint64_t seed, std::int64_t d, std::int64_t kv_width) {
  WeightSource<T> source(seed, std::sqrt(3 / static_cast<double>(d)));
  ProjectionWeights<T> weights;
  weights.query = source.next(d, d);
  weights.key = source.next(d, kv_width);
  weights.value = source.next(d, kv_width);
  weights.output = source.next(d, d);
  return weights;
}

template ProjectionWeights<float> make_projection_weights(std::uint64_t, std::int64_t, std::int64_t);
template ProjectionWeights<double> make_projection_weights(std::uint64_t, std::int64_t, std::int64_t);
template Seq2SeqWeights<float> make_seq2seq_weights(std::uint64_t, std::int64_t, std::int64_t, std::int64_t);
template Seq2SeqWeights<double> make_seq2seq_weights(std::uint64_t, std::int64_t, std::int64_t, std::int64_t);

}  // namespace knowscale

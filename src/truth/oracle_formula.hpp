// SPDX-License-Identifier: BSD-3-Clause
// The formula of each attention model in plain f64 loops, sharing no code with models, kernels or reductions: what the
// oracle compares outputs with.
//
// Every number comes with a magnitude, what roundings are relative to: of stored numbers their absolute value, of a
// sum of products its absolute value and the root of the sum of the products' squares. Roundings are independent enough
// to add like that (Higham & Mary 2019); sums of absolute values would grow so fast through several products that no
// error could exceed them. What rounds below the smallest normal number does so absolutely (least_magnitude): each term
// of a sum adds that much to its magnitude.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "models/model.hpp"

namespace knowscale {

// X of all sequences, c.tokens() x d, from the ranks that hold it. Collective.
template <class T>
Matrix<double> tokens_on_every_rank(const Problem<T>& problem);

// rows x cols numbers with their magnitudes.
struct Magnified {
  Matrix<double> value, size;

  Magnified() = default;
  Magnified(std::int64_t rows, std::int64_t cols);  // zeros
  std::int64_t rows() const { return value.rows(); }
  std::int64_t cols() const { return value.cols(); }
};

// Columns [begin, begin + b.rows()) of a, times b; least: what each product adds to magnitudes.
Magnified product(const Magnified& a, std::int64_t begin, const Magnified& b, double least, const Threads& threads);

// One softmax of a model for the sampled tokens. Queries, keys and values as its formula maps them.
struct SoftmaxFormula {
  bool over_tokens = false, over_knowledge = false;
  bool mapped = false;  // queries, keys or values are products themselves
  // Over tokens: d wide (samples) and kv_heads d_h wide (all tokens).
  Magnified token_queries, token_keys, token_values;
  // Over the knowledge as it is stored: row s heads + h asks for columns [begin, begin + width) of the keys, where
  // begin is that of its key/value head if heads have columns of their own, else 0.
  Magnified knowledge_queries;
  bool own_columns = true;
  // What a head's mean of values is multiplied with, by key/value head; none: nothing.
  std::vector<Magnified> value_map;
};

struct ModelFormula {
  std::vector<SoftmaxFormula> softmaxes;  // their results are added
  Magnified plain;                        // samples x d, added too; none where empty
  Magnified output_map;                   // d x d, none where empty
  double chain = 0;                       // roundings, in units of roundoff, of what was mapped before a softmax
};

// The formula of the case's model for these tokens. Collective: moments are summed over the ranks' shards.
template <class T>
ModelFormula formula_of(const Problem<T>& problem, const std::vector<std::int64_t>& sampled);

}  // namespace knowscale

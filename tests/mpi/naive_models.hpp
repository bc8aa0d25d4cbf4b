// SPDX-License-Identifier: BSD-3-Clause
// Every attention model from its definition, all scores at once, in f64 on one rank: independent of models and oracle.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "problem/case.hpp"
#include "problem/weights.hpp"

namespace knowscale::naive {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

inline double dot(const Row& a, const Row& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

inline Rows times(const Rows& a, const Rows& b) {
  Rows out;
  for (const Row& row : a) {
    Row& to = out.emplace_back(b.empty() ? 0 : b[0].size(), 0.0);
    for (std::size_t k = 0; k < row.size(); ++k) {
      for (std::size_t j = 0; j < to.size(); ++j) to[j] += row[k] * b[k][j];
    }
  }
  return out;
}

inline Rows columns(const Rows& rows, std::int64_t first, std::int64_t count) {
  Rows out;
  for (const Row& row : rows) out.emplace_back(row.begin() + first, row.begin() + first + count);
  return out;
}

// softmax(b q . keys) values of one query.
inline Row softmax(double b, const Row& query, const Rows& keys, const Rows& values) {
  double highest = -1e300, total = 0;
  for (const Row& key : keys) highest = std::max(highest, b * dot(query, key));
  Row out(query.size(), 0.0);
  for (std::size_t k = 0; k < keys.size(); ++k) {
    const double weight = std::exp(b * dot(query, keys[k]) - highest);
    total += weight;
    for (std::size_t j = 0; j < out.size(); ++j) out[j] += weight * values[k][j];
  }
  for (double& x : out) x /= keys.empty() ? 1 : total;
  return out;
}

// (1/m) sum_k w(|k|^2) k v^T.
inline Rows moment(const Rows& keys, const Rows& values, const std::function<double(double)>& weight) {
  Rows out(keys[0].size(), Row(values[0].size(), 0.0));
  for (std::size_t k = 0; k < keys.size(); ++k) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      for (std::size_t j = 0; j < out[i].size(); ++j) {
        out[i][j] += weight(dot(keys[k], keys[k])) * keys[k][i] * values[k][j] / static_cast<double>(keys.size());
      }
    }
  }
  return out;
}

template <class T>
Rows to_rows(const Matrix<T>& matrix) {
  Rows rows;
  for (std::int64_t i = 0; i < matrix.rows(); ++i) rows.emplace_back(matrix.row(i), matrix.row(i) + matrix.cols());
  return rows;
}

// The output of the case's model for tokens X (all sequences), keys and values of the knowledge.
inline Rows output(const Case& c, Rows x, Rows keys, Rows values) {
  const std::int64_t heads = c.heads, width = c.head_dim(), group = heads / c.kv_heads;
  const auto weights = make_projection_weights<double>(c.seed, c.d, c.kv_heads * width);
  Rows token_keys, token_values;
  if (c.model == "transformer") {
    token_keys = times(x, to_rows(weights.key));
    token_values = times(x, to_rows(weights.value));
    keys = times(keys, to_rows(weights.key));
    values = times(values, to_rows(weights.value));
    x = times(x, to_rows(weights.query));
  } else {
    for (const Row& token : x) {  // the mean of the group's heads
      Row& pooled = token_keys.emplace_back(static_cast<std::size_t>(c.kv_heads * width), 0.0);
      for (std::int64_t h = 0; h < heads; ++h) {
        for (std::int64_t j = 0; j < width; ++j) {
          pooled[static_cast<std::size_t>(h / group * width + j)] +=
              token[static_cast<std::size_t>(h * width + j)] / static_cast<double>(group);
        }
      }
    }
    token_values = token_keys;
  }
  const bool knows =
      c.model == "knowledge" || c.model == "joint" || c.model == "equivariant" || c.model == "transformer";
  const bool in_moments = c.model == "moment" || c.model == "equivariant";
  const bool sees_tokens = c.model != "knowledge" && c.model != "linear";
  Rows out(x.size(), Row(static_cast<std::size_t>(c.d), 0.0));
  for (std::int64_t h = 0; h < heads; ++h) {
    const std::int64_t g = h / group;
    const Rows k = columns(keys, g * width, width), v = columns(values, g * width, width);
    Rows q = columns(x, h * width, width), tk = columns(token_keys, g * width, width),
         tv = columns(token_values, g * width, width);
    const double d_h = static_cast<double>(width);
    Rows asked = q;  // of the tokens
    if (in_moments) {
      asked = times(q, moment(k, k, [&](double s) { return 1 / (1 + s / d_h); }));
      tv = times(tk, moment(k, v, [&](double s) { return 1 / std::sqrt(1 + s / d_h); }));
    }
    const Rows plain = c.model == "linear" ? times(q, moment(k, v, [](double) { return 1.0; })) : Rows{};
    for (const RowRange& sequence : c.sequences()) {
      for (std::int64_t i = sequence.begin; i < sequence.end; ++i) {
        const auto row = static_cast<std::size_t>(i);
        Rows seen_keys, seen_values;
        for (std::int64_t j = sequence.begin; sees_tokens && j < (c.causal ? i + 1 : sequence.end); ++j) {
          seen_keys.push_back(tk[static_cast<std::size_t>(j)]);
          seen_values.push_back(tv[static_cast<std::size_t>(j)]);
        }
        const auto add = [&](const Row& more) {
          for (std::int64_t j = 0; j < width; ++j) {
            out[row][static_cast<std::size_t>(h * width + j)] += more[static_cast<std::size_t>(j)];
          }
        };
        if (c.model == "joint") {
          seen_keys.insert(seen_keys.end(), k.begin(), k.end());
          seen_values.insert(seen_values.end(), v.begin(), v.end());
        }
        if (sees_tokens) add(softmax(c.scale, asked[row], seen_keys, seen_values));
        if (knows && c.model != "joint") add(softmax(c.scale, q[row], k, v));
        if (c.model == "linear") add(plain[row]);
      }
    }
  }
  return c.model == "transformer" ? times(out, to_rows(weights.output)) : out;
}

}  // namespace knowscale::naive

// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/reference/row.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace knowscale::reference {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
double score(const T* query, const T* key, std::int64_t dim, double scale) {
  double sum = 0;
  for (std::int64_t c = 0; c < dim; ++c) sum += static_cast<double>(query[c]) * static_cast<double>(key[c]);
  return scale * sum;
}

}  // namespace

template <class T>
void compute_row(const AttentionInput<T>& input, std::int64_t query_index, std::int64_t head, Accumulator<T>* out) {
  const HeadShape& shape = input.shape;
  const std::int64_t kv_head = shape.kv_head_of(head);
  const T* query = input.queries.row(query_index) + head * shape.key_dim;
  const auto score_of = [&](std::int64_t k) {
    if (!input.mask.shows(query_index, k)) return -kInfinity;
    return score(query, input.keys.row(k) + kv_head * shape.key_dim, shape.key_dim, input.scale);
  };

  double maximum = -kInfinity;
  for (std::int64_t k = 0; k < input.keys.rows; ++k) maximum = std::max(maximum, score_of(k));

  double sum = 0;
  std::vector<double> weighted(static_cast<std::size_t>(shape.value_dim), 0.0);
  for (std::int64_t k = 0; k < input.keys.rows; ++k) {
    const double relative = score_of(k);
    if (relative == -kInfinity) continue;
    const double weight = std::exp(relative - maximum);
    const T* value = input.values.row(k) + kv_head * shape.value_dim;
    sum += weight;
    for (std::size_t c = 0; c < weighted.size(); ++c) weighted[c] += weight * static_cast<double>(value[c]);
  }

  // Stored against the maximum as it is rounded, so that (o, l, m) belong together.
  using L = Accumulator<T>;
  const L stored = static_cast<L>(maximum);
  const double shift = maximum == -kInfinity ? 0.0 : std::exp(maximum - static_cast<double>(stored));
  for (std::size_t c = 0; c < weighted.size(); ++c) out[c] = static_cast<L>(weighted[c] * shift);
  out[shape.value_dim] = static_cast<L>(sum * shift);
  out[shape.value_dim + 1] = stored;
}

template void compute_row(const AttentionInput<float>&, std::int64_t, std::int64_t, float*);
template void compute_row(const AttentionInput<double>&, std::int64_t, std::int64_t, double*);
template void compute_row(const AttentionInput<Bf16>&, std::int64_t, std::int64_t, float*);
template void compute_row(const AttentionInput<F16>&, std::int64_t, std::int64_t, float*);

}  // namespace knowscale::reference

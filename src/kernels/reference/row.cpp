// SPDX-License-Identifier: BSD-3-Clause
// The largest weight is 1 whatever the scores are, for every finite input.
#include "kernels/reference/row.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace knowscale::reference {
namespace {

// Wide enough for every product of three finite numbers in f64 and sums of them, where it has more exponents (x86, 80
// bits; ARM, 128).
using Wide = long double;

constexpr Wide kInfinity = std::numeric_limits<Wide>::infinity();

template <class T>
Wide score(const T* query, const T* key, std::int64_t dim, double scale) {
  Wide sum = 0;
  for (std::int64_t c = 0; c < dim; ++c) {
    sum += static_cast<Wide>(static_cast<double>(query[c])) * static_cast<Wide>(static_cast<double>(key[c]));
  }
  return scale * sum;
}

// What the state says that scores are relative to; the nearest number that there is.
template <class L>
L stored_maximum(Wide maximum) {
  constexpr Wide most = std::numeric_limits<L>::max();
  return static_cast<L>(maximum == -kInfinity ? maximum : std::clamp(maximum, -most, most));
}

}  // namespace

template <class T>
void compute_row(const AttentionInput<T>& input, std::int64_t query_index, std::int64_t head, Accumulator<T>* out) {
  const HeadShape& shape = input.shape;
  const std::int64_t kv_head = shape.kv_head_of(head);
  const T* query = input.queries.row(query_index) + head * shape.key_dim;
  std::vector<T> copy(static_cast<std::size_t>(std::max(shape.key_dim, shape.value_dim)));
  const auto numbers = [&](const StoredRows<T>& rows, std::int64_t k, std::int64_t width) {
    return numbers_of_row(rows, k, kv_head * width, width, copy.data());
  };
  const auto score_of = [&](std::int64_t k) {
    if (!input.mask.shows(query_index, k)) return -kInfinity;
    return score(query, numbers(input.keys, k, shape.key_dim), shape.key_dim, input.scale);
  };

  Wide maximum = -kInfinity;
  for (std::int64_t k = 0; k < input.keys.rows; ++k) maximum = std::max(maximum, score_of(k));

  Wide sum = 0;
  std::vector<Wide> weighted(static_cast<std::size_t>(shape.value_dim), 0);
  for (std::int64_t k = 0; k < input.keys.rows; ++k) {
    const Wide relative = score_of(k);
    if (relative == -kInfinity) continue;
    const Wide weight = std::exp(relative - maximum);
    const T* value = numbers(input.values, k, shape.value_dim);
    sum += weight;
    for (std::size_t c = 0; c < weighted.size(); ++c)
      weighted[c] += weight * static_cast<Wide>(static_cast<double>(value[c]));
  }

  // Against the maximum as it is rounded, so that (o, l, m) belong together, where that can be said in numbers near 1:
  // of larger scores the rounding is more than they know of each other, and the state is the same one without it.
  using L = Accumulator<T>;
  constexpr Wide kMostLost = 1, kMost = std::numeric_limits<L>::max();
  const L stored = stored_maximum<L>(maximum);
  const Wide lost = maximum == -kInfinity ? 0 : maximum - static_cast<Wide>(stored);
  Wide factor = std::abs(lost) <= kMostLost ? std::exp(lost) : Wide{1};
  // Sums of the largest values there are exceed them; their mean, which is the state relative to log l, does not.
  const bool fits =
      std::all_of(weighted.begin(), weighted.end(), [&](Wide x) { return std::abs(x) * factor <= kMost; });
  if (!fits) factor = 1 / sum;
  for (std::size_t c = 0; c < weighted.size(); ++c) out[c] = static_cast<L>(weighted[c] * factor);
  out[shape.value_dim] = static_cast<L>(sum * factor);
  out[shape.value_dim + 1] = fits ? stored : stored_maximum<L>(maximum + std::log(sum));
}

template void compute_row(const AttentionInput<float>&, std::int64_t, std::int64_t, float*);
template void compute_row(const AttentionInput<double>&, std::int64_t, std::int64_t, double*);
template void compute_row(const AttentionInput<Bf16>&, std::int64_t, std::int64_t, float*);
template void compute_row(const AttentionInput<F16>&, std::int64_t, std::int64_t, float*);

}  // namespace knowscale::reference

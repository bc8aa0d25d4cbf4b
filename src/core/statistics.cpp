// SPDX-License-Identifier: BSD-3-Clause
#include "core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace knowscale {
namespace {

double quantile_of_sorted(const std::vector<double>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> sorted_copy(std::span<const double> samples) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

// Largest k >= 1 with P(k <= B <= n - k) >= 0.95 for B ~ Binomial(n, 1/2); 0 if there is none.
std::size_t interval_rank(std::size_t n) {
  double tail = 0;  // P(B < k)
  for (std::size_t k = 1; 2 * k <= n; ++k) {
    const double x = static_cast<double>(k - 1), count = static_cast<double>(n);
    tail += std::exp(std::lgamma(count + 1) - std::lgamma(x + 1) - std::lgamma(count - x + 1) - count * std::log(2.0));
    if (1 - 2 * tail < 0.95) return k - 1;
  }
  return n / 2;
}

}  // namespace

double quantile(std::span<const double> samples, double q) { return quantile_of_sorted(sorted_copy(samples), q); }

MedianInterval median_interval(std::span<const double> samples) {
  const std::vector<double> sorted = sorted_copy(samples);
  const std::size_t n = sorted.size(), k = interval_rank(n);
  const std::size_t low = k == 0 ? 0 : k - 1;
  return {quantile_of_sorted(sorted, 0.5), sorted[low], sorted[n - 1 - low], k > 0};
}

}  // namespace knowscale

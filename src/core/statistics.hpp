// SPDX-License-Identifier: BSD-3-Clause
// Order statistics of samples, after Hoefler & Belli, "Scientific benchmarking of parallel computing
// systems" (SC'15): medians with nonparametric confidence intervals, never means of rates.
#pragma once

#include <span>

namespace knowscale {

// Quantile by linear interpolation between order statistics (type 7 of Hyndman & Fan). 0 <= q <= 1; not
// empty.
double quantile(std::span<const double> samples, double q);

struct MedianInterval {
  double median = 0;
  double low = 0;  // 95 % confidence interval of the median, from the binomial distribution of ranks
  double high = 0;
  bool bounded = false;  // false: too few samples for a 95 % interval; low and high are the extremes
};

// The interval [x_(k), x_(n+1-k)] with the largest k whose coverage is at least 95 % (exact binomial);
// needs 6 samples to exist. Not empty.
MedianInterval median_interval(std::span<const double> samples);

}  // namespace knowscale

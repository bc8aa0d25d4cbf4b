// SPDX-License-Identifier: BSD-3-Clause
#include "table.hpp"

#include <algorithm>
#include <cstdio>

#include "core/statistics.hpp"

namespace knowscale::cuda::bench {

void print_heading(const Device& device, const DeviceRates& rates) {
  std::printf("# %s, %d multiprocessors, %.1f GB; %s\n", device.name.c_str(), device.multiprocessors,
              1e-9 * static_cast<double>(device.memory), version().c_str());
  std::printf("# GB/s: copy %.0f, read %.0f. TFLOP/s of large products: f32 %.1f, tf32 %.1f, bf16 %.1f, f16 %.1f\n",
              1e-9 * rates.copy, 1e-9 * rates.read, 1e-12 * rates.f32, 1e-12 * rates.tf32, 1e-12 * rates.bf16,
              1e-12 * rates.f16);
  std::printf(
      "# of_bound: the least time, of FLOPs at the rate of large products or of bytes at that of a copy, over the"
      " median\n");
  std::printf("%-18s %-17s %-4s %6s %8s %5s %2s %4s %6s %10s %10s %10s %9s %-7s %8s %8s %8s %s\n", "case", "kernel",
              "type", "n", "m", "heads", "kv", "d", "causal", "median_ms", "p5_ms", "p95_ms", "rate", "unit",
              "of_bound", "error", "allowed", "verdict");
}

void print_row(const Row& row, const DeviceRates& rates) {
  const Work& work = row.work;
  const double computing = work.flop_rate > 0 ? work.flops / work.flop_rate : 0, moving = work.bytes / rates.copy;
  const double median = quantile(row.seconds, 0.5);
  const bool by_flops = computing > moving;
  std::printf(
      "%-18s %-17s %-4s %6lld %8lld %5lld %2lld %4lld %6s %10.4f %10.4f %10.4f %9.4g %-7s %8.3f %8.1e %8.1e %s\n",
      row.group.c_str(), row.kernel.c_str(), row.precision.c_str(), static_cast<long long>(row.shape.n),
      static_cast<long long>(row.shape.m), static_cast<long long>(row.shape.heads),
      static_cast<long long>(row.shape.kv_heads), static_cast<long long>(row.shape.d), row.shape.causal ? "yes" : "no",
      1e3 * median, 1e3 * quantile(row.seconds, 0.05), 1e3 * quantile(row.seconds, 0.95),
      by_flops ? 1e-12 * work.flops / median : 1e-9 * work.bytes / median, by_flops ? "TFLOP/s" : "GB/s",
      std::max(computing, moving) / median, row.error, row.error_bound, row.valid() ? "ok" : "WRONG");
}

}  // namespace knowscale::cuda::bench

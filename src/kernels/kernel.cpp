// SPDX-License-Identifier: BSD-3-Clause
// The table of kernels: a new one of the host is a line here, one of devices a line in cuda/table.cpp.
#include "kernels/kernel.hpp"

#include <algorithm>
#include <iterator>

#include "core/named.hpp"
#include "kernels/blas/attention.hpp"
#include "kernels/cuda/cuda.hpp"
#include "kernels/reference/attention.hpp"
#include "kernels/simd/attention.hpp"

namespace knowscale {
namespace {

// Numbers of f16 are widened before they are multiplied.
std::span<const RateLimit> fma_rates(Precision precision) {
  static constexpr RateLimit f32[] = {{"fma_f32"}}, f64[] = {{"fma_f64"}}, bf16[] = {{"fma_bf16"}};
  return precision == Precision::f64 ? f64 : precision == Precision::bf16 ? bf16 : f32;
}

}  // namespace

std::span<const Kernel> kernels() {
  static const std::vector<Kernel> table = [] {
    std::vector<Kernel> all = {
        {"reference", Method::plain, false, reference::compute, reference::scratch_bytes, fma_rates},
        {"blas", Method::products, true, blas::compute, blas::scratch_bytes, fma_rates},
        {"simd", Method::fused, true, simd::compute, simd::scratch_bytes, fma_rates},
    };
    for (const Kernel& kernel : cuda::kernels()) all.push_back(kernel);
    return all;
  }();
  return table;
}

std::vector<Kernel> kernels_of(Precision precision) {
  std::vector<Kernel> all;
  std::ranges::copy_if(kernels(), std::back_inserter(all),
                       [&](const Kernel& kernel) { return kernel.compute.has(precision); });
  return all;
}

const Kernel& kernel_by_name(std::string_view name) { return entry_by_name(kernels(), "kernel", name); }

Roundings roundings_of(std::string_view name, Precision precision) {
  const Precision made = precision == Precision::f64 ? Precision::f64 : Precision::f32;
  Roundings most;
  for (const Kernel& kernel : kernels()) {
    if (kernel.name != name) continue;
    for (const Precision of : {precision, made}) {
      const Roundings& roundings = kernel.roundings[static_cast<std::size_t>(of)];
      most.factors = std::max(most.factors, roundings.factors);
      most.weights = std::max(most.weights, roundings.weights);
      most.least_weight = std::max(most.least_weight, roundings.least_weight);
    }
  }
  return most;
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// The table of kernels: a new one of the host is a line here, one of devices a line in cuda/table.cpp.
#include "kernels/attention.hpp"

#include <algorithm>
#include <vector>

#include "core/named.hpp"
#include "kernels/blas/attention.hpp"
#include "kernels/cuda/cuda.hpp"
#include "kernels/reference/attention.hpp"
#include "kernels/simd/attention.hpp"

namespace knowscale {

template <class T>
std::span<const Kernel<T>> kernels() {
  static const std::vector<Kernel<T>> table = [] {
    std::vector<Kernel<T>> all = {{"reference", false, reference::compute<T>, reference::scratch_bytes}};
    if constexpr (sizeof(T) > 2) {  // BLAS has no 16-bit numbers
      all.push_back({"blas", true, blas::compute<T>, blas::scratch_bytes<T>});
    }
    all.push_back({"simd", true, simd::compute<T>, simd::scratch_bytes<T>});
    for (const Kernel<T>& kernel : cuda::kernels<T>()) all.push_back(kernel);
    return all;
  }();
  return table;
}

template <class T>
const Kernel<T>& kernel_by_name(std::string_view name) {
  return entry_by_name(kernels<T>(), "kernel", name);
}

template <class T>
Roundings roundings_of(std::string_view name) {
  Roundings most;
  const auto take = [&](const auto& table) {
    for (const auto& kernel : table) {
      if (kernel.name != name) continue;
      most.factors = std::max(most.factors, kernel.roundings.factors);
      most.weights = std::max(most.weights, kernel.roundings.weights);
      most.least_weight = std::max(most.least_weight, kernel.roundings.least_weight);
    }
  };
  take(kernels<T>());
  take(kernels<Accumulator<T>>());
  return most;
}

template std::span<const Kernel<float>> kernels();
template std::span<const Kernel<double>> kernels();
template std::span<const Kernel<Bf16>> kernels();
template std::span<const Kernel<F16>> kernels();
template const Kernel<float>& kernel_by_name(std::string_view);
template const Kernel<double>& kernel_by_name(std::string_view);
template const Kernel<Bf16>& kernel_by_name(std::string_view);
template const Kernel<F16>& kernel_by_name(std::string_view);
template Roundings roundings_of<float>(std::string_view);
template Roundings roundings_of<double>(std::string_view);
template Roundings roundings_of<Bf16>(std::string_view);
template Roundings roundings_of<F16>(std::string_view);

}  // namespace knowscale

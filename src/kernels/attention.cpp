// SPDX-License-Identifier: BSD-3-Clause
// The table of kernels: a new one is a line here.
#include "kernels/attention.hpp"

#include <array>

#include "core/named.hpp"
#include "kernels/blas/attention.hpp"
#include "kernels/reference/attention.hpp"
#include "kernels/simd/attention.hpp"

namespace knowscale {

template <class T>
std::span<const Kernel<T>> kernels() {
  static constexpr Kernel<T> reference_kernel = {"reference", false, reference::compute<T>, reference::scratch_bytes};
  static constexpr Kernel<T> simd_kernel = {"simd", true, simd::compute<T>, simd::scratch_bytes<T>};
  if constexpr (sizeof(T) == 2) {  // BLAS has no 16-bit numbers
    static constexpr std::array<Kernel<T>, 2> table = {{reference_kernel, simd_kernel}};
    return table;
  } else {
    static constexpr std::array<Kernel<T>, 3> table = {
        {reference_kernel, {"blas", true, blas::compute<T>, blas::scratch_bytes<T>}, simd_kernel}};
    return table;
  }
}

template <class T>
const Kernel<T>& kernel_by_name(std::string_view name) {
  return entry_by_name(kernels<T>(), "kernel", name);
}

template std::span<const Kernel<float>> kernels();
template std::span<const Kernel<double>> kernels();
template std::span<const Kernel<Bf16>> kernels();
template std::span<const Kernel<F16>> kernels();
template const Kernel<float>& kernel_by_name(std::string_view);
template const Kernel<double>& kernel_by_name(std::string_view);
template const Kernel<Bf16>& kernel_by_name(std::string_view);
template const Kernel<F16>& kernel_by_name(std::string_view);

}  // namespace knowscale

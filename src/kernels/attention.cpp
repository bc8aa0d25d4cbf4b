// SPDX-License-Identifier: BSD-3-Clause
// The table of kernels: a new one is a line here.
#include "kernels/attention.hpp"

#include <array>

#include "core/named.hpp"
#include "kernels/blas/attention.hpp"
#include "kernels/reference/attention.hpp"

namespace knowscale {

template <class T>
std::span<const Kernel<T>> kernels() {
  static constexpr std::array<Kernel<T>, 2> table = {{
      {"reference", reference::compute<T>, reference::scratch_bytes},
      {"blas", blas::compute<T>, blas::scratch_bytes<T>},
  }};
  return table;
}

template <class T>
const Kernel<T>& kernel_by_name(std::string_view name) {
  return entry_by_name(kernels<T>(), "kernel", name);
}

template std::span<const Kernel<float>> kernels();
template std::span<const Kernel<double>> kernels();
template const Kernel<float>& kernel_by_name(std::string_view);
template const Kernel<double>& kernel_by_name(std::string_view);

}  // namespace knowscale

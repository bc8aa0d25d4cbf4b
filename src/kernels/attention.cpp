// SPDX-License-Identifier: BSD-3-Clause
// The table of kernels: a new one is a line here.
#include "kernels/attention.hpp"

#include <array>

#include "core/error.hpp"
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
  std::string known;
  for (const Kernel<T>& kernel : kernels<T>()) {
    if (kernel.name == name) return kernel;
    known += (known.empty() ? "" : ", ") + std::string(kernel.name);
  }
  throw Error(ExitStatus::usage, "kernel = \"" + std::string(name) + "\" is not in this build: use one of " + known);
}

template std::span<const Kernel<float>> kernels();
template std::span<const Kernel<double>> kernels();
template const Kernel<float>& kernel_by_name(std::string_view);
template const Kernel<double>& kernel_by_name(std::string_view);

}  // namespace knowscale

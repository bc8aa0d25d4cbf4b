// SPDX-License-Identifier: BSD-3-Clause
// The table of kernels and who has devices, put together from all engines.
#include "kernels/kernel.hpp"

#include <algorithm>
#include <iterator>

#include "core/named.hpp"
#include "kernels/engine.hpp"

namespace knowscale {

bool Kernel::on_device() const { return engine().devices != nullptr; }

std::span<const Kernel> kernels() {
  static const std::vector<Kernel> table = [] {
    std::vector<Kernel> all;
    for (const Engine* engine : engines()) std::ranges::copy(engine->kernels(), std::back_inserter(all));
    return all;
  }();
  return table;
}

std::vector<Kernel> kernels_of(Precision precision) {
  std::vector<Kernel> all;
  std::ranges::copy_if(kernels(), std::back_inserter(all),
                       [&](const Kernel& kernel) { return kernel.computes(precision); });
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

const Engine* engine_of_devices() {
  const auto found = std::ranges::find_if(engines(), [](const Engine* engine) { return engine->devices != nullptr; });
  return found == engines().end() ? nullptr : *found;
}

int device_count() {
  const Engine* engine = engine_of_devices();
  return engine == nullptr ? 0 : engine->devices->count();
}

bool is_kernel_of_devices(std::string_view name) {
  return std::ranges::find(kKernelsOfDevices, name) != std::end(kKernelsOfDevices);
}

}  // namespace knowscale

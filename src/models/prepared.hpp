// SPDX-License-Identifier: BSD-3-Clause
// From a class template to the entry of the table of models.
#pragma once

#include <memory>

#include "models/model.hpp"

namespace knowscale {

template <class T, template <class> class Prepared>
std::unique_ptr<PreparedModel<T>> prepare_model(const Problem<T>& problem, const Backend& backend) {
  return std::make_unique<Prepared<T>>(problem, backend);
}

// `prepare` of the table: makes a Prepared<T>(problem, backend).
template <template <class> class Prepared, class... Ts>
constexpr ByPrecision<PrepareModel> prepared(Numbers<Ts...> numbers) {
  return by_precision<PrepareModel>([]<class T>() { return prepare_model<T, Prepared>; }, numbers);
}
template <template <class> class Prepared>
constexpr ByPrecision<PrepareModel> prepared() {
  return prepared<Prepared>(kAllNumbers);
}

}  // namespace knowscale

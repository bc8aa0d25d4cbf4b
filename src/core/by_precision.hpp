// SPDX-License-Identifier: BSD-3-Clause
// A function for each precision that has one, behind one name: what rows of tables carry, so that neither the rows nor
// who reads their names are templates.
#pragma once

#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/precision.hpp"

namespace knowscale {

template <class T, class Signature>
class OfPrecision;

// The one for numbers stored as T, or none.
template <class T, class Result, class... Arguments>
class OfPrecision<T, Result(Arguments...)> {
 public:
  // Throws Error(usage) where there is none.
  Result operator()(Arguments... arguments) const {
    if (function_ == nullptr) {
      throw Error(ExitStatus::usage, "nothing of that name computes with numbers of " +
                                         std::string(name_of(precision_of<T>)) + ": use another precision");
    }
    return function_(std::forward<Arguments>(arguments)...);
  }

 protected:
  constexpr OfPrecision() = default;
  Result (*function_)(Arguments...) = nullptr;
};

// Signature<T>: the function's type. A call goes to that of its arguments' numbers.
template <template <class T> class Signature>
class ByPrecision : OfPrecision<float, Signature<float>>,
                    OfPrecision<double, Signature<double>>,
                    OfPrecision<Bf16, Signature<Bf16>>,
                    OfPrecision<F16, Signature<F16>> {
 public:
  constexpr ByPrecision() = default;
  // One alone.
  constexpr ByPrecision(Signature<float>* function) { set<float>(function); }
  constexpr ByPrecision(Signature<double>* function) { set<double>(function); }
  constexpr ByPrecision(Signature<Bf16>* function) { set<Bf16>(function); }
  constexpr ByPrecision(Signature<F16>* function) { set<F16>(function); }

  template <class T>
  constexpr void set(Signature<T>* function) {
    OfPrecision<T, Signature<T>>::function_ = function;
  }
  template <class T>
  constexpr const OfPrecision<T, Signature<T>>& of() const {
    return *this;
  }
  template <class T>
  constexpr bool has() const {
    return OfPrecision<T, Signature<T>>::function_ != nullptr;
  }
  bool has(Precision precision) const {
    return with_type_of(precision, [this]<class T>(T) { return has<T>(); });
  }

  using OfPrecision<float, Signature<float>>::operator();
  using OfPrecision<double, Signature<double>>::operator();
  using OfPrecision<Bf16, Signature<Bf16>>::operator();
  using OfPrecision<F16, Signature<F16>>::operator();
};

template <class... Ts>
struct Numbers {};
inline constexpr Numbers<float, double, Bf16, F16> kAllNumbers;

// instance.operator()<T>() is the function for numbers of type T:
//   by_precision<Signature>([]<class T>() { return compute<T>; })
template <template <class T> class Signature, class Instance, class... Ts>
constexpr ByPrecision<Signature> by_precision(const Instance& instance, Numbers<Ts...>) {
  ByPrecision<Signature> all;
  (all.template set<Ts>(instance.template operator()<Ts>()), ...);
  return all;
}
template <template <class T> class Signature, class Instance>
constexpr ByPrecision<Signature> by_precision(const Instance& instance) {
  return by_precision<Signature>(instance, kAllNumbers);
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// `linear`: Y = X (K^T V) / m, attention without a softmax: one d_h x d_h moment a key/value head, made once and used
// by every sequence.
#pragma once

#include "models/model.hpp"

namespace knowscale::linear_model {

template <class T>
std::unique_ptr<PreparedModel<T>> prepare(const Problem<T>& problem, const Backend<T>& backend);

}  // namespace knowscale::linear_model

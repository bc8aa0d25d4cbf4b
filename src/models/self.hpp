// SPDX-License-Identifier: BSD-3-Clause
// `self`: Y = rowsoftmax(b X X^T) X, each sequence by itself (G2 = 0); the knowledge is not read.
#pragma once

#include "models/model.hpp"

namespace knowscale::self_model {

template <class T>
std::unique_ptr<PreparedModel<T>> prepare(const Problem<T>& problem, const Backend<T>& backend);

}  // namespace knowscale::self_model

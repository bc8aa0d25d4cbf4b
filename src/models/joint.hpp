// SPDX-License-Identifier: BSD-3-Clause
// `joint`: Y = rowsoftmax(b [X X^T, X K^T]) [X; V], one softmax over the own sequence and the knowledge.
#pragma once

#include "models/model.hpp"

namespace knowscale::joint_model {

template <class T>
std::unique_ptr<PreparedModel<T>> prepare(const Problem<T>& problem, const Backend<T>& backend);

}  // namespace knowscale::joint_model

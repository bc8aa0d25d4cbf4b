// SPDX-License-Identifier: BSD-3-Clause
// `joint`: Y = rowsoftmax(b [X X^T, X K^T]) [X; V], one softmax over the own sequence and the knowledge.
#pragma once

#include "models/model.hpp"

namespace knowscale::joint_model {

extern const ByPrecision<PrepareModel> prepare;

}  // namespace knowscale::joint_model

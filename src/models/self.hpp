// SPDX-License-Identifier: BSD-3-Clause
// `self`: Y = rowsoftmax(b X X^T) X, each sequence by itself (G2 = 0); the knowledge is not read.
#pragma once

#include "models/model.hpp"

namespace knowscale::self_model {

extern const ByPrecision<PrepareModel> prepare;

}  // namespace knowscale::self_model

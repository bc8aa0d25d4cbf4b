// SPDX-License-Identifier: BSD-3-Clause
// `moment`: Y = rowsoftmax(b X A X^T) X B. The knowledge enters through two d_h x d_h moments a key/value head, made
// once and used by every sequence ("finite information"):
//   A = (1/m) sum_k k k^T / (1 + |k|^2 / d_h),   B = (1/m) sum_k k v^T / sqrt(1 + |k|^2 / d_h).
// The weights keep vectors of any length within sqrt(d_h), and are functions of Gram invariants alone.
#pragma once

#include "models/model.hpp"

namespace knowscale::moment_model {

extern const ByPrecision<PrepareModel> prepare;

}  // namespace knowscale::moment_model

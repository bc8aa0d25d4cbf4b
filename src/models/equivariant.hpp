// SPDX-License-Identifier: BSD-3-Clause
// `equivariant`: Y = G1 X + G2 Z with G1 that of `moment` and G2 that of `knowledge`: the general form of a function
// that commutes with O(d).
#pragma once

#include "models/model.hpp"

namespace knowscale::equivariant_model {

extern const ByPrecision<PrepareModel> prepare;

}  // namespace knowscale::equivariant_model

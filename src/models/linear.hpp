// SPDX-License-Identifier: BSD-3-Clause
// `linear`: Y = X (K^T V) / m, attention without a softmax: one d_h x d_h moment a key/value head, made once and used
// by every sequence. It has no softmax and so takes no kernel: all of it runs on the host, also where other models of
// the campaign run on a device.
#pragma once

#include "models/model.hpp"

namespace knowscale::linear_model {

extern const ByPrecision<PrepareModel> prepare;

}  // namespace knowscale::linear_model

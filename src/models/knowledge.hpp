// SPDX-License-Identifier: BSD-3-Clause
// `knowledge`: Y = rowsoftmax(b X K^T) V over the whole sharded knowledge set (G1 = 0).
#pragma once

#include "models/model.hpp"

namespace knowscale::knowledge_model {

extern const ByPrecision<PrepareModel> prepare;

}  // namespace knowscale::knowledge_model

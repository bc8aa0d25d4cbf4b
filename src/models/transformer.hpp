// SPDX-License-Identifier: BSD-3-Clause
// `transformer`: the control, with fixed projections that prefer axes:
//   Y = [rowsoftmax(b (X W_Q) (X W_K)^T) X W_V + rowsoftmax(b (X W_Q) (K W_K)^T) V W_V] W_O
// self-attention and cross-attention with the same heads (Vaswani et al., 2017). Knowledge vectors have width d; they
// are projected once and used by every sequence.
#pragma once

#include "models/model.hpp"

namespace knowscale::transformer_model {

extern const ByPrecision<PrepareModel> prepare;

}  // namespace knowscale::transformer_model

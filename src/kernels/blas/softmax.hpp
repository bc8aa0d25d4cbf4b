// SPDX-License-Identifier: BSD-3-Clause
// The vector part of the blas kernel: one block of scores folded into a running softmax.
#pragma once

#include "core/matrix.hpp"

namespace knowscale::blas {

// scores: tile x block, overwritten with exp(s - m'), m' the new running maximum of the row; scores of -inf weigh
// nothing, and a row of none but those leaves its state. state: tile rows [o | l | m] (any stride): o and l rescaled by
// exp(m - m'), l grown by the row's sum, m = m'. The caller then adds weights x values to o.
template <class T>
void softmax_block(MatrixView<T> scores, MatrixView<T> state);

}  // namespace knowscale::blas

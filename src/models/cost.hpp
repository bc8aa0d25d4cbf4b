// SPDX-License-Identifier: BSD-3-Clause
// What one run of a case costs, from what its model is made of.
#pragma once

#include <vector>

#include "models/model.hpp"

namespace knowscale {

// Over all ranks unless said.
struct Cost {
  double flops = 0;
  double bytes_read = 0;   // by one rank: its shard, once
  double bytes_sent = 0;   // by the rank that sends most
  double messages = 0;     // likewise
  double state_bytes = 0;  // memory of one rank beyond shard and queries
};

// FLOPs: two products a softmax, 4 d a pair of token and key that may see each other (the exponential is not counted);
// 2 d_h^2 a knowledge vector and moment, half of it where that is symmetric; products with fixed matrices. Of an LSTM
// 8 H (D + H) a step and the readout.
Cost cost_of(const Case& c, const Structure& structure, const Backend& backend);

// What each softmax asks of the reduction.
std::vector<ReductionShape> reduction_shapes(const Case& c, const Structure& structure);

// All exchange of a run of a model of attention with that reduction (none: it has no softmax): the reductions, tokens
// brought together, moments summed, results gathered.
ReductionCost exchange_of(const Case& c, const Structure& structure, const Reduction* reduction);

}  // namespace knowscale

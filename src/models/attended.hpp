// SPDX-License-Identifier: BSD-3-Clause
// The knowledge vectors that tokens attend to most, with their softmax weights.
#pragma once

#include <cstdint>
#include <vector>

#include "models/model.hpp"

namespace knowscale {

struct Attended {
  std::int64_t token = 0;  // of all sequences
  std::int64_t head = 0;
  std::int64_t place = 0;   // from 1: the most attended
  std::int64_t vector = 0;  // of the whole knowledge
  double weight = 0;        // under the softmax over the knowledge, in `joint` over the own tokens too
};

// The `count` vectors of each of the first `tokens` tokens and each head, each rank's found on its shard and then
// merged; exact in f64, ties go to the smaller index. They are found on the device where the case's kernel runs there:
// the same vectors, weights but for rounding. For a model that sees the knowledge vector by vector. Collective;
// complete on the root, empty elsewhere.
template <class T>
std::vector<Attended> most_attended(const Problem<T>& problem, const Structure& structure, std::int64_t count,
                                    std::int64_t tokens);

}  // namespace knowscale

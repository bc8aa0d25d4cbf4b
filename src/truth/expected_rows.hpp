// SPDX-License-Identifier: BSD-3-Clause
// Rows that an output is looked at, and what they should be.
#pragma once

#include <cstdint>
#include <vector>

#include "truth/oracle_formula.hpp"
#include "truth/oracle_softmax.hpp"

namespace knowscale {

// Of the output: one row out of each of equal strata, so that every part is looked at. The same on every rank.
std::vector<std::int64_t> sample_rows(const Case& c);

// What the case's arithmetic rounds, with what its kernel and the model's products round beside.
CaseRounding rounding_of(const Case& c, const Roundings& roundings, double chain);

// What `formula`, of these rows, gives for them. Of knowledge that is numbers. Collective; the same on every rank.
template <class T>
Expected expected_rows(const Problem<T>& problem, const std::vector<std::int64_t>& sampled, const ModelFormula& formula,
                       const CaseRounding& rounding);

}  // namespace knowscale

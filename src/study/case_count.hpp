// SPDX-License-Identifier: BSD-3-Clause
// How many cases a study stands for, without making them.
#pragma once

#include <cstdint>
#include <vector>

#include "study/campaign.hpp"
#include "study/expand.hpp"

namespace knowscale {

// Of each list the values that differ, in their order.
Study without_repeats(Study study);

// The options of exchange that come of a study's lists where these are heeded, each once.
std::vector<ReductionOptions> reduction_options(const Study& study, const HeededOptions& heeds);

// The cases of a study that has no repeats, on so many rank counts: values that only turn out to be the same (threads
// = 0 and the number it stands for) count twice. A double, for lists multiply beyond 64 bits.
double count_cases(const Study& study, const KnownNames& names, std::size_t rank_counts);

}  // namespace knowscale

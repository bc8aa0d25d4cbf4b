// SPDX-License-Identifier: BSD-3-Clause
// What the numbers of one case may be together. All throw Error(usage) that names the study, the numbers and a remedy.
#pragma once

#include <cstdint>
#include <string>

#include "problem/case.hpp"

namespace knowscale {

// a * b, which must fit 64 bits.
std::int64_t require_product(const std::string& study, const char* what, std::int64_t a, std::int64_t b);

// That bytes and numbers of whatever is made of the case's sizes can be counted; whether there is so much memory is
// asked later.
void require_countable(const Case& c);

// That the case's precision computes with its scale, and with scale log2 e, for kernels take powers of 2.
void require_scale_fits(const Case& c);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Generated knowledge sets and sequences of any size. Element (row, column) is a function of its index and
// the seed, so that they are the same for every rank count; every generator is one row function.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "problem/case.hpp"

namespace knowscale {

// gaussian      independent N(0, 1)
// sphere        uniform on the unit sphere of each key head
// clustered     64 Gaussian centres, each vector one of them plus N(0, 0.1^2)
// dominating    Gaussian, but one key that takes all the attention of every query
// large_scores  Gaussian keys of standard deviation 1e5: scores of 1e5, attention of nearly one key
std::vector<std::string> generator_names();
bool is_generator(std::string_view name);

// Row `row` of the keys (values, queries) of the case's set: knowledge_dim() (d for queries) numbers.
void fill_key_row(const Case& c, std::int64_t row, std::span<double> out);
void fill_value_row(const Case& c, std::int64_t row, std::span<double> out);
void fill_query_row(const Case& c, std::int64_t row, std::span<double> out);

}  // namespace knowscale

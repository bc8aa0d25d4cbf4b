// SPDX-License-Identifier: BSD-3-Clause
// The sequences X of a case: B sequences of n tokens of width d.
#pragma once

#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "core/matrix.hpp"
#include "problem/case.hpp"

namespace knowscale {

// c.tokens() x d, sequence after sequence. From a knowledge-set file: its sentences one after another, from the first
// again when they run out, cut as c.sequences() says; where lengths are those of sentences, one each. Else generated.
// Where the sequence is sharded, rows outside this rank's c.token_shard() are NaN: nobody may read them. Collective;
// throws as load_knowledge.
template <class T>
Matrix<T> load_queries(const Case& c, const Communicator& comm);

// The words of these tokens; empty where the set has none. Serial; throws as inspect_knowledge_file.
std::vector<std::string> token_words(const Case& c);

// The labels of these knowledge vectors; empty where the set has none. Serial; throws as inspect_knowledge_file.
std::vector<std::string> knowledge_labels(const Case& c, const std::vector<std::int64_t>& rows);

}  // namespace knowscale

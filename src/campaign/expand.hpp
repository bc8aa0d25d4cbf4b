// SPDX-License-Identifier: BSD-3-Clause
// From studies to cases: the product of the lists, without what a model does not use.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "campaign/campaign.hpp"
#include "core/error.hpp"
#include "models/model.hpp"
#include "problem/case.hpp"

namespace knowscale {

// What names may stand in a campaign: the rows of the tables.
struct KnownNames {
  std::vector<Model> models;
  std::vector<Kernel> kernels;
  std::vector<Reduction> reductions;  // and one that stands for kAutomatic
  std::vector<std::string> precisions;
  std::vector<std::string> generators;
  std::optional<Error> without_devices;  // why kernels of devices are not among the kernels
};

// The reduction that stands for the one of which the cost model expects most.
inline constexpr std::string_view kAutomatic = "auto";

// The names alone.
template <class Row>
std::vector<std::string> names_of(const std::vector<Row>& all) {
  std::vector<std::string> names;
  for (const Row& row : all) names.emplace_back(row.name);
  return names;
}

struct KnowledgeExtent {
  std::string path;  // as found
  std::int64_t count = 0;
  std::int64_t dimension = 0;
  std::int64_t sequences = 0;
  bool has_values = true;  // beside its keys
};

// What expansion has to know about this build, the launch and the files.
struct ExpansionContext {
  KnownNames names;
  int launched_ranks = 1;
  int ranks_per_node = 1;                                             // what an open node_size means
  int cores_per_rank = 1;                                             // what threads = 0 means
  std::int64_t machine_cores = 1;                                     // of the node with the fewest
  std::optional<std::vector<std::int64_t>> ranks_override;            // --ranks
  std::function<KnowledgeExtent(const std::string&)> open_knowledge;  // for what is no generator's name
  // Tokens of the first sequences of a file, as many as are asked for and there are.
  std::function<std::vector<std::int64_t>(const std::string& path, std::int64_t count)> sentence_lengths;
};

// All cases, numbered from 1, validated: studies in file order; within one in the order of case_keys(), ranks
// innermost. Throws Error(usage) with key, value and remedy, or what open_knowledge throws.
std::vector<Case> expand(const Campaign& campaign, const ExpansionContext& context);

// A digest of everything that decides the results: cases, timing, seed, and the digests of the knowledge files that are
// read, in the order of their paths (XXH3, 128 bits, hexadecimal).
std::string config_hash(const Campaign& campaign, const std::vector<Case>& cases,
                        const std::vector<std::string>& files = {});

}  // namespace knowscale

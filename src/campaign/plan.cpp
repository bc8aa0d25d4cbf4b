// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/plan.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "comm/agreement.hpp"
#include "comm/reduction.hpp"
#include "core/text.hpp"
#include "kernels/engine.hpp"
#include "kernels/kernel.hpp"
#include "models/model.hpp"
#include "problem/knowledge_file.hpp"
#include "problem/knowledge_tokens.hpp"
#include "problem/synthetic.hpp"
#include "record/digest.hpp"
#include "record/environment.hpp"

namespace knowscale {
namespace {

// A knowledge-set file as the campaign names it: from here, or from the campaign file's folder. What this rank sees of
// it becomes a fact.
KnowledgeExtent find_knowledge(const std::string& path, const std::string& campaign_path, Facts& seen) {
  namespace fs = std::filesystem;
  std::error_code error;  // such as a name too long for any file: opening it will tell
  const fs::path beside = fs::path(campaign_path).parent_path() / path;
  const std::string found = !fs::exists(path, error) && fs::exists(beside, error) ? beside.string() : path;
  const KnowledgeFile file = inspect_knowledge_file(found);
  seen.emplace_back("knowledge file " + path,
                    fmt::format("{} ({} B, {} vectors of {} dimensions, {} sequences of {} tokens)", found,
                                fs::file_size(found, error), file.count, file.dimension, file.sequences, file.tokens));
  return {found, file.count, file.dimension, file.sequences, file.has_values};
}

// Cores of the node over ranks on it, but those alone that these ranks may use; the fewest of all ranks, so that all
// mean the same. Collective.
int cores_per_rank(const Communicator& world) {
  const Communicator node = world.node();
  const std::vector<int> mine = allowed_cpus();
  const int last = node.allreduce(mine.back(), Combine::maximum);
  std::vector<int> of_node(static_cast<std::size_t>(last) + 1, 0);
  for (const int cpu : mine) of_node[static_cast<std::size_t>(cpu)] = 1;
  node.allreduce(std::span<int>(of_node), Combine::maximum);
  const int share = static_cast<int>(std::count(of_node.begin(), of_node.end(), 1)) / node.size();
  return world.allreduce(std::max(std::min(share, static_cast<int>(mine.size())), 1), Combine::minimum);
}

std::vector<std::int64_t> sentence_lengths(const std::string& path, std::int64_t count) {
  const std::vector<std::int64_t> offsets = read_sentence_offsets(path, count);
  std::vector<std::int64_t> lengths;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) lengths.push_back(offsets[s + 1] - offsets[s]);
  return lengths;
}

// The files that cases read, each once.
std::set<std::string> knowledge_files(const std::vector<Case>& cases) {
  std::set<std::string> files;
  for (const Case& c : cases) {
    if (c.knowledge != kUnused && !is_generator(c.knowledge)) files.insert(c.knowledge);
  }
  return files;
}

// So that a file that was built anew does not go on with what was measured of the old one.
std::vector<std::string> digests_of(const std::set<std::string>& files) {
  std::vector<std::string> digests;
  for (const std::string& file : files) digests.push_back(file_digest(file));
  return digests;
}

}  // namespace

KnownNames known_names() {
  KnownNames names;
  names.models.assign(models().begin(), models().end());
  names.kernels.assign(kernels().begin(), kernels().end());
  names.reductions.assign(reductions().begin(), reductions().end());
  names.reductions.push_back({.name = kAutomatic, .heeds = {true, true, true}});
  for (const Precision precision : kPrecisions) names.precisions.emplace_back(name_of(precision));
  names.generators = generator_names();
  if (engine_of_devices() == nullptr) {
    names.without_devices =
        Error(ExitStatus::usage, "this build has no kernels for devices: configure with -DKNOWSCALE_CUDA=ON");
  } else if (device_count() == 0) {
    names.without_devices = Error(ExitStatus::resource,
                                  "no CUDA device is visible here: run on a node with one, look at "
                                  "CUDA_VISIBLE_DEVICES, or use kernel = \"simd\"");
  }
  return names;
}

Plan make_plan(const RunOptions& options, const Communicator& world) {
  std::string text;  // as rank 0 reads it: others may see no such file, or another one
  world.together([&] {
    if (world.is_root()) text = read_campaign_file(options.campaign_path);
  });
  world.broadcast(text);
  ExpansionContext context;
  context.names = known_names();
  context.launched_ranks = world.size();
  context.ranks_per_node = world.allreduce(world.node().size(), Combine::maximum);
  context.cores_per_rank = cores_per_rank(world);
  context.machine_cores = world.allreduce(std::int64_t{sysconf(_SC_NPROCESSORS_ONLN)}, Combine::minimum);
  context.ranks_override = options.ranks;
  Facts facts;
  context.open_knowledge = [&](const std::string& path) { return find_knowledge(path, options.campaign_path, facts); };
  context.sentence_lengths = sentence_lengths;
  Plan plan;
  std::vector<std::string> digests;
  world.together([&] {
    std::vector<std::string> changes = options.overrides;
    if (!options.reduction.empty()) changes.push_back("reduction=\"" + options.reduction + "\"");
    if (options.top_k > 0) changes.push_back("top_k=" + std::to_string(options.top_k));
    plan.campaign = parse_campaign(options.campaign_path, text, changes);
    plan.cases = expand(plan.campaign, context);
    if (world.is_root()) digests = digests_of(knowledge_files(plan.cases));
  });
  world.broadcast(digests);
  plan.config_hash = config_hash(plan.campaign, plan.cases, digests);
  facts.emplace_back("number of cases", std::to_string(plan.cases.size()));
  facts.emplace_back("resolved campaign (hash of its cases)", plan.config_hash);
  require_agreement(world, facts, "give all ranks one campaign, one build, and knowledge files that are the same");
  return plan;
}

}  // namespace knowscale

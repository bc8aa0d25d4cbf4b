// SPDX-License-Identifier: BSD-3-Clause
#include "study/plan.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "comm/reduction.hpp"
#include "kernels/attention.hpp"
#include "kernels/cuda/cuda.hpp"
#include "models/model.hpp"
#include "problem/knowledge_file.hpp"
#include "problem/synthetic.hpp"

namespace knowscale {
namespace {

// A knowledge-set file as the campaign names it: from here, or from the campaign file's folder.
KnowledgeExtent find_knowledge(const std::string& path, const std::string& campaign_path) {
  namespace fs = std::filesystem;
  const fs::path beside = fs::path(campaign_path).parent_path() / path;
  const std::string found = !fs::exists(path) && fs::exists(beside) ? beside.string() : path;
  const KnowledgeFile file = inspect_knowledge_file(found);
  return {found, file.count, file.dimension, file.sequences};
}

std::vector<std::int64_t> sentence_lengths(const std::string& path, std::int64_t count) {
  const std::vector<std::int64_t> offsets = read_sentence_offsets(path, count);
  std::vector<std::int64_t> lengths;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) lengths.push_back(offsets[s + 1] - offsets[s]);
  return lengths;
}

}  // namespace

KnownNames known_names() {
  KnownNames names;
  for (const Model<float>& model : models<float>())
    names.models.push_back({std::string(model.name), model.structure, {}});
  for (const Kernel<float>& kernel : kernels<float>())
    names.kernels.push_back({std::string(kernel.name), kernel.tiled, {}, kernel.on_device});
  for (const Precision precision : kPrecisions) {
    with_type_of(precision, [&]<class T>(T) {
      const auto mark = [&](auto& traits, const auto& table) {
        for (auto& entry : traits) {
          for (const auto& row : table) {
            if (row.name == entry.name) entry.precisions.push_back(precision);
          }
        }
      };
      mark(names.models, models<T>());
      mark(names.kernels, kernels<T>());
    });
  }
  for (const Reduction<float>& reduction : reductions<float>()) {
    names.reductions.push_back({std::string(reduction.name), reduction.heeds});
  }
  names.reductions.push_back({std::string(kAutomatic), {true, true, true}});
  names.generators = generator_names();
  if (!cuda::built()) {
    names.without_devices =
        Error(ExitStatus::usage, "this build has no kernels for devices: configure with -DKNOWSCALE_CUDA=ON");
  } else if (cuda::device_count() == 0) {
    names.without_devices = Error(ExitStatus::resource,
                                  "no CUDA device is visible here: run on a node with one, look at "
                                  "CUDA_VISIBLE_DEVICES, or use kernel = \"simd\"");
  }
  return names;
}

Plan make_plan(const RunOptions& options, const Communicator& world) {
  const int ranks_here = world.allreduce(world.node().size(), Combine::maximum);
  Plan plan;
  world.together([&] {
    std::vector<std::string> overrides = options.overrides;
    if (!options.reduction.empty()) overrides.push_back("reduction=\"" + options.reduction + "\"");
    if (options.top_k > 0) overrides.push_back("top_k=" + std::to_string(options.top_k));
    plan.campaign = read_campaign(options.campaign_path, overrides);
    ExpansionContext context;
    context.names = known_names();
    context.launched_ranks = world.size();
    context.ranks_a_node = ranks_here;
    context.cores_a_rank = std::max(static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)) / ranks_here, 1);
    context.machine_cores = sysconf(_SC_NPROCESSORS_ONLN);
    context.ranks_override = options.ranks;
    context.open_knowledge = [&](const std::string& path) { return find_knowledge(path, options.campaign_path); };
    context.sentence_lengths = sentence_lengths;
    plan.cases = expand(plan.campaign, context);
    plan.config_hash = config_hash(plan.campaign, plan.cases);
  });
  return plan;
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "study/case_count.hpp"

#include <algorithm>
#include <set>

namespace knowscale {
namespace {

template <class Value>
void drop_repeats(std::vector<Value>& values) {
  std::set<Value> seen;
  std::vector<Value> kept;
  for (const Value& value : values) {
    if (seen.insert(value).second) kept.push_back(value);
  }
  values = std::move(kept);
}

template <class Value>
double count(const std::vector<Value>& values) {
  return static_cast<double>(values.size());
}

// Each option that is heeded multiplies; see reduction_options().
double count_options(const Study& study, const HeededOptions& heeds) {
  return count(study.placement) * count(study.overlap) * (heeds.tiled ? count(study.query_tile) : 1) *
         (heeds.chunked ? count(study.chunk) : 1) * (heeds.by_node ? count(study.node_size) : 1) *
         (heeds.on_device ? count(study.transport) : 1);
}

template <class Row>
const Row& of_name(const std::vector<Row>& all, const std::string& name) {
  return *std::find_if(all.begin(), all.end(), [&](const Row& row) { return row.name == name; });
}

// Ways to run a model that attends: kernels, tiles, reductions, options.
double count_ways_to_attend(const Study& study, const KnownNames& names) {
  double ways = 0;
  for (const std::string& kernel_name : study.kernel) {
    const Kernel& kernel = of_name(names.kernels, kernel_name);
    double of_kernel = 0;
    for (const std::string& reduction : study.reduction) {
      HeededOptions heeds = of_name(names.reductions, reduction).heeds;
      heeds.on_device = heeds.on_device && kernel.on_device();
      of_kernel += count_options(study, heeds);
    }
    ways += of_kernel * (kernel.tiled ? count(study.query_block) * count(study.key_block) : 1);
  }
  return ways * count(study.scale);
}

// An LSTM runs on the host, whatever the kernel there, or on a device.
double count_places(const Study& study, const KnownNames& names) {
  const auto on_device = std::count_if(study.kernel.begin(), study.kernel.end(), [&](const std::string& kernel) {
    return of_name(names.kernels, kernel).on_device();
  });
  return (on_device > 0 ? 1 : 0) + (on_device < static_cast<std::ptrdiff_t>(study.kernel.size()) ? 1 : 0);
}

double count_of_model(const Study& study, const KnownNames& names, const Structure& structure) {
  const double ways = structure.attends()   ? count_ways_to_attend(study, names)
                      : structure.recurrent ? count_places(study, names) * count(study.placement)
                                            : count(study.placement);
  const double heads = structure.heads ? count(study.heads) * count(study.kv_heads) : count(study.hidden);
  if (structure.reads_knowledge()) return ways * heads * count(study.knowledge) * std::max(count(study.m), 1.0);
  const auto generators = std::count_if(study.knowledge.begin(), study.knowledge.end(), [&](const std::string& name) {
    return std::find(names.generators.begin(), names.generators.end(), name) != names.generators.end();
  });
  return ways * heads * (count(study.knowledge) - static_cast<double>(generators) + (generators > 0 ? 1 : 0));
}

}  // namespace

Study without_repeats(Study study) {
  for (auto* texts : {&study.knowledge, &study.model, &study.kernel, &study.reduction}) drop_repeats(*texts);
  for (auto* numbers : {&study.n, &study.d, &study.heads, &study.kv_heads, &study.hidden, &study.batch, &study.threads,
                        &study.query_block, &study.key_block, &study.query_tile, &study.chunk, &study.node_size}) {
    drop_repeats(*numbers);
  }
  drop_repeats(study.precision);
  drop_repeats(study.placement);
  drop_repeats(study.overlap);
  drop_repeats(study.transport);
  drop_repeats(study.m);
  drop_repeats(study.scale);
  drop_repeats(study.causal);
  drop_repeats(study.sequence);
  drop_repeats(study.lengths);
  return study;
}

std::vector<ReductionOptions> reduction_options(const Study& study, const HeededOptions& heeds) {
  const std::vector<std::int64_t> none = {0};
  std::vector<ReductionOptions> all;
  for (const Placement placement : study.placement) {
    for (const bool overlap : study.overlap) {
      for (const std::int64_t query_tile : heeds.tiled ? study.query_tile : none) {
        for (const std::int64_t chunk : heeds.chunked ? study.chunk : none) {
          for (const std::int64_t node_size : heeds.by_node ? study.node_size : none) {
            for (const Transport transport : heeds.on_device ? study.transport : std::vector{Transport::host}) {
              all.push_back({placement, overlap, query_tile, chunk, static_cast<int>(node_size), transport});
            }
          }
        }
      }
    }
  }
  return all;
}

double count_cases(const Study& study, const KnownNames& names, std::size_t rank_counts) {
  double models = 0;
  for (const std::string& model : study.model)
    models += count_of_model(study, names, of_name(names.models, model).structure);
  return models * count(study.precision) * count(study.n) * count(study.d) * count(study.batch) * count(study.lengths) *
         count(study.sequence) * count(study.causal) * count(study.threads) * static_cast<double>(rank_counts);
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "study/expand.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "core/error.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "kernels/engine.hpp"
#include "models/lstm.hpp"
#include "study/case_count.hpp"
#include "study/case_limits.hpp"
#include "study/names.hpp"

namespace knowscale {
namespace {

constexpr std::int64_t kDefaultVectors = 65536;
constexpr std::int64_t kDefaultWidth = 64;
constexpr std::int64_t kMostLengths = 100'000'000;  // of sequences, listed in the cases of a study

[[noreturn]] void refuse(const Study& study, const std::string& message) {
  throw Error(ExitStatus::usage, fmt::format("study \"{}\": {}", one_line(study.name), message));
}

// The row of that name.
template <class Row>
const Row& known(const Study& study, const char* key, const std::string& name, const std::vector<Row>& all) {
  for (const Row& row : all) {
    if (row.name == name) return row;
  }
  refuse(study, fmt::format("unknown {} \"{}\": {}", key, one_line(name), remedy_for_name(name, names_of(all))));
}

template <template <class> class Signature>
void require_precision(const Study& study, const char* key, std::string_view name,
                       const ByPrecision<Signature>& functions, Precision precision) {
  if (functions.has(precision)) return;
  std::vector<std::string_view> names;
  for (const Precision other : kPrecisions) {
    if (functions.has(other)) names.push_back(name_of(other));
  }
  refuse(study, fmt::format("{} \"{}\" has no {}: use {}, or another {} in a study of its own", key, name,
                            name_of(precision), fmt::join(names, ", "), key));
}

// Rank counts of a study: the override, its list, or 1, 2, 4, ... and all.
std::vector<int> rank_counts(const Study& study, const ExpansionContext& context) {
  const int launched = context.launched_ranks;
  std::vector<int> counts;
  if (!context.ranks_override && !study.ranks) {
    for (int ranks = 1; ranks < launched; ranks *= 2) counts.push_back(ranks);
    counts.push_back(launched);
    return counts;
  }
  for (const std::int64_t ranks : context.ranks_override ? *context.ranks_override : *study.ranks) {
    if (ranks < 1 || ranks > launched) {
      refuse(study, fmt::format("ranks = {}, but {} are launched: use mpirun -n {}, or --ranks with at most {}", ranks,
                                launched, ranks, launched));
    }
    if (std::find(counts.begin(), counts.end(), ranks) == counts.end()) counts.push_back(static_cast<int>(ranks));
  }
  return counts;
}

// All that decides a case's result, as text.
std::string describe(const Case& c) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
                     c.study, c.knowledge, c.model, c.kernel, c.reduction, name_of(c.precision), c.n, c.m, c.d, c.heads,
                     c.kv_heads, c.hidden, c.scale, c.batch, c.ranks, c.threads, name_of(c.scaling), c.seed,
                     c.tiles.queries, c.tiles.keys, name_of(c.options.placement), c.options.overlap,
                     c.options.query_tile, c.options.chunk, c.options.node_size, c.causal, name_of(c.sequence),
                     fmt::join(c.unequal, ","), c.top_k, c.symmetry, name_of(c.options.transport));
}

// Expands one study into the cases it stands for, without numbers.
class Expansion {
 public:
  Expansion(const Campaign& campaign, const Study& study, const ExpansionContext& context)
      : study_(without_repeats(study)),
        context_(context),
        counts_(rank_counts(study, context)),
        threads_a_core_(campaign.threads_a_core) {
    base_.study = study.name;
    base_.seed = campaign.seed;
    base_.scaling = study.scaling;
    for (const std::string& kernel : study_.kernel) require_kernel(kernel);
    for (const std::string& reduction : study_.reduction)
      known(study_, "reduction", reduction, context_.names.reductions);
    for (const std::string& model : study_.model) known(study_, "model", model, context_.names.models);
  }

  double count() const { return count_cases(study_, context_.names, counts_.size()); }

  std::vector<Case> cases() {
    for (const std::int64_t threads : study_.threads) require_threads(threads);
    for (const std::string& knowledge : study_.knowledge) expand_knowledge(knowledge);
    return std::move(cases_);
  }

 private:
  void require_threads(std::int64_t threads) const {
    const std::int64_t most = threads_a_core_ * context_.machine_cores;
    if (threads <= most) return;
    refuse(study_, fmt::format("threads = {} on a machine with {} core{}: use at most {}, or ask for more with "
                               "threads_a_core = {} at the top of the campaign",
                               threads, context_.machine_cores, context_.machine_cores == 1 ? "" : "s", most,
                               (threads + context_.machine_cores - 1) / context_.machine_cores));
  }

  // One that this build has on this machine, or why it has not.
  void require_kernel(const std::string& name) const {
    const auto& why = context_.names.without_devices;
    if (why && is_kernel_of_devices(name)) {
      throw Error(why->status(), fmt::format("study \"{}\": kernel \"{}\": {}", study_.name, name, why->what()));
    }
    known(study_, "kernel", name, context_.names.kernels);
  }

  static const std::vector<std::string>& unused() {
    static const std::vector<std::string> names = {std::string(kUnused)};
    return names;
  }

  // The kernels that a model tells apart: an LSTM those of devices from all others, for it has one way on each. What
  // comes twice makes one case.
  std::vector<std::string> kernels_of(const Structure& structure) const {
    if (structure.attends()) return study_.kernel;
    if (!structure.recurrent) return unused();
    std::vector<std::string> places;
    for (const std::string& kernel : study_.kernel) {
      const bool on_device = known(study_, "kernel", kernel, context_.names.kernels).on_device();
      places.emplace_back(on_device ? lstm_model::kOnDevice : kUnused);
    }
    return places;
  }

  void expand_knowledge(const std::string& knowledge) {
    const auto& generators = context_.names.generators;
    const bool generated = std::find(generators.begin(), generators.end(), knowledge) != generators.end();
    const KnowledgeExtent extent = generated ? KnowledgeExtent{knowledge, 0, 0, 0} : context_.open_knowledge(knowledge);
    for (const std::string& name : study_.model) {
      const Model& model = known(study_, "model", name, context_.names.models);
      const Structure& structure = model.structure;
      base_.model = name;
      base_.projected = structure.projected;
      base_.knowledge = structure.reads_knowledge() || extent.count > 0 ? extent.path : std::string(kUnused);
      for (const std::string& kernel : kernels_of(structure)) {
        for (const std::string& reduction : structure.attends() ? study_.reduction : unused()) {
          for (const Precision precision : study_.precision) {
            require_precision(study_, "model", name, model.prepare, precision);
            if (precision == Precision::f16 && extent.path == "large_scores" && structure.reads_knowledge()) {
              refuse(study_,
                     "knowledge large_scores has numbers beyond 65504, which f16 does not hold: use bf16 or f32");
            }
            if (structure.attends()) {
              require_precision(study_, "kernel", kernel,
                                known(study_, "kernel", kernel, context_.names.kernels).compute, precision);
            }
            base_.kernel = kernel;
            tiled_ = structure.attends() && known(study_, "kernel", kernel, context_.names.kernels).tiled;
            widest_head_ =
                structure.attends() ? known(study_, "kernel", kernel, context_.names.kernels).widest_head : 0;
            base_.reduction = reduction;
            base_.precision = precision;
            expand_options(model, extent);
          }
        }
      }
    }
  }

  void expand_options(const Model& model, const KnowledgeExtent& extent) {
    if (!model.structure.attends()) {
      for (const Placement placement : study_.placement) {
        base_.options = heeded({.placement = placement}, {.tiled = false});
        expand_sizes(model, extent);
      }
      return;
    }
    HeededOptions heeds = known(study_, "reduction", base_.reduction, context_.names.reductions).heeds;
    const bool on_device = known(study_, "kernel", base_.kernel, context_.names.kernels).on_device();
    const bool merges_on_device = heeds.on_device;
    heeds.on_device = heeds.on_device && on_device;  // states of the host are never on a device
    HeededOptions offered = heeds;
    offered.on_device = on_device;  // where the reduction merges on the host, another transport is refused
    for (const ReductionOptions& options : reduction_options(study_, offered)) {
      if (on_device && options.transport != Transport::host) require_transport(options, merges_on_device);
      base_.options = heeded(options, heeds);
      if (heeds.by_node && options.node_size == 0) base_.options.node_size = context_.ranks_a_node;
      expand_sizes(model, extent);
    }
  }

  void require_transport(const ReductionOptions& options, bool merges_on_device) const {
    if (!merges_on_device) {
      refuse(study_, fmt::format("transport = \"{}\", but reduction \"{}\" merges on the host: use two_phase or "
                                 "reduce_scatter, or transport = \"host\"",
                                 name_of(options.transport), base_.reduction));
    }
    if (options.overlap) {
      refuse(study_, fmt::format("transport = \"{}\" with overlap = true: collectives over device memory block: use "
                                 "transport = \"host\", or overlap = false",
                                 name_of(options.transport)));
    }
  }

  // How many vectors the model is given; 0 where it reads none.
  std::vector<KnowledgeSize> sizes(const Model& model, const KnowledgeExtent& extent) const {
    if (!model.structure.reads_knowledge()) return {std::int64_t{0}};
    if (!study_.m.empty()) return study_.m;
    if (extent.count > 0) return {AllVectors{}};
    return {kDefaultVectors};
  }

  void expand_sizes(const Model& model, const KnowledgeExtent& extent) {
    for (const KnowledgeSize& size : sizes(model, extent)) {
      base_.m = vectors(size, extent);
      if (base_.m == 0 && model.structure.reads_knowledge()) {
        refuse(study_, fmt::format("m = 0, but model \"{}\" reads the knowledge: give at least 1 vector", model.name));
      }
      for (const std::int64_t n : study_.n) {
        for (const std::int64_t d : study_.d) {
          for (const std::int64_t batch : study_.batch) {
            base_.n = n;
            base_.d = d != 0 ? d : extent.dimension != 0 ? extent.dimension : kDefaultWidth;
            base_.batch = batch;
            expand_sequences(model, extent);
          }
        }
      }
    }
  }

  void expand_sequences(const Model& model, const KnowledgeExtent& extent) {
    for (const Lengths lengths : study_.lengths) {
      base_.lengths = lengths;
      base_.unequal = sequence_lengths(extent);
      for (const Placement sequence : study_.sequence) {
        for (const bool causal : study_.causal) {
          if (causal && !model.structure.sees_sequence()) {
            refuse(study_,
                   fmt::format("causal = true, but model \"{}\" has no tokens that attend to tokens: put it in a "
                               "study of its own without causal",
                               model.name));
          }
          base_.sequence = sequence;
          base_.causal = causal;
          expand_heads(model, extent);
        }
      }
    }
  }

  // Tokens of each sequence; none where all have n.
  std::vector<std::int64_t> sequence_lengths(const KnowledgeExtent& extent) const {
    const Case& c = base_;
    constexpr std::int64_t kMostSequences = 10'000'000;
    if (c.lengths != Lengths::equal && c.batch > kMostSequences) {
      refuse(study_, fmt::format("batch = {} sequences of lengths = \"{}\": use at most {}, or \"equal\"", c.batch,
                                 name_of(c.lengths), kMostSequences));
    }
    std::vector<std::int64_t> lengths;
    if (c.lengths == Lengths::random) {  // the first is the longest
      for (std::int64_t b = 0; b < c.batch; ++b) {
        const std::uint64_t word = random_words(c.seed, Stream::lengths, static_cast<std::uint64_t>(b), 0)[0];
        lengths.push_back(b == 0 ? c.n : 1 + static_cast<std::int64_t>(word % static_cast<std::uint64_t>(c.n)));
      }
    }
    if (c.lengths == Lengths::sentences) {
      if (extent.sequences < 1) {
        refuse(study_, fmt::format("lengths = \"sentences\", but {} has no sentences: use \"equal\" or \"random\"",
                                   extent.path));
      }
      const std::vector<std::int64_t> sentences = context_.sentence_lengths(extent.path, c.batch);
      for (std::int64_t b = 0; b < c.batch; ++b) {
        lengths.push_back(std::min(sentences[static_cast<std::size_t>(b) % sentences.size()], c.n));
      }
    }
    return lengths;
  }

  std::int64_t vectors(const KnowledgeSize& size, const KnowledgeExtent& extent) const {
    if (const std::int64_t* count = std::get_if<std::int64_t>(&size)) return *count;
    if (extent.count == 0)
      refuse(study_, fmt::format("m = \"all\" of the generator {}, which has no end: give a number", extent.path));
    if (study_.scaling == Scaling::weak)
      refuse(study_, "m = \"all\" with weak scaling: give a rank's share as a number");
    return extent.count;
  }

  void expand_heads(const Model& model, const KnowledgeExtent& extent) {
    const Structure& structure = model.structure;
    base_.top_k = structure.sees_knowledge() ? study_.top_k : 0;
    if (base_.top_k > base_.m) {
      refuse(study_,
             fmt::format("top_k = {}, but the knowledge has m = {} vectors: use at most that", base_.top_k, base_.m));
    }
    base_.symmetry = study_.symmetry;
    if (!structure.heads) {
      base_.heads = base_.kv_heads = 0;
      base_.scale = 0;
      base_.tiles = {};
      for (const std::int64_t hidden : study_.hidden) {
        base_.hidden = hidden == 0 ? base_.d : hidden;
        expand_ranks(extent);
      }
      return;
    }
    base_.hidden = 0;
    for (const std::int64_t heads : study_.heads) {
      for (const std::int64_t kv_heads : study_.kv_heads) {
        for (const double scale : structure.attends() ? study_.scale : std::vector<double>{0}) {
          base_.heads = heads;
          base_.kv_heads = kv_heads;
          require_heads_fit();
          if (widest_head_ > 0 && base_.head_dim() > widest_head_) {
            refuse(study_, fmt::format("kernel \"{}\" with d = {} in {} head{}: a head has at most {} columns there: "
                                       "use more heads, or kernel = \"cublas\"",
                                       base_.kernel, base_.d, heads, heads == 1 ? "" : "s", widest_head_));
          }
          base_.scale = !structure.attends() ? 0
                        : scale != 0         ? scale
                                             : 1 / std::sqrt(static_cast<double>(base_.head_dim()));
          require_scale_fits(base_);
          expand_tiles(extent);
        }
      }
    }
  }

  void expand_tiles(const KnowledgeExtent& extent) {
    const std::vector<std::int64_t> none = {0};
    for (const std::int64_t queries : tiled_ ? study_.query_block : none) {
      for (const std::int64_t keys : tiled_ ? study_.key_block : none) {
        base_.tiles = {queries, keys};
        expand_ranks(extent);
      }
    }
  }

  void require_heads_fit() const {
    const Case& c = base_;
    if (c.heads > c.d || c.d % c.heads != 0)
      refuse(study_, fmt::format("heads = {} do not divide d = {}: use a divisor of d", c.heads, c.d));
    if (c.kv_heads > c.heads || c.heads % c.kv_heads != 0) {
      refuse(study_,
             fmt::format("kv_heads = {} do not divide heads = {}: use a divisor of heads", c.kv_heads, c.heads));
    }
  }

  void expand_ranks(const KnowledgeExtent& extent) {
    for (const std::int64_t threads : study_.threads) {
      for (const int ranks : counts_) {
        Case c = base_;
        c.ranks = ranks;
        c.threads = static_cast<int>(threads == 0 ? context_.cores_a_rank : threads);
        if (c.scaling == Scaling::weak) c.m = require_product(study_.name, "m of all ranks", c.m, ranks);
        require_sizes_fit(c, extent);
        // Lists that a model does not use would repeat its cases.
        if (seen_.insert(describe(c)).second) keep(c);
      }
    }
  }

  void keep(const Case& c) {
    held_lengths_ += static_cast<std::int64_t>(c.unequal.size());
    if (held_lengths_ > kMostLengths) {
      refuse(study_,
             fmt::format("its cases list more than {} lengths of sequences: use fewer cases, a smaller batch, or "
                         "lengths = \"equal\"",
                         kMostLengths));
    }
    cases_.push_back(c);
  }

  void require_sizes_fit(const Case& c, const KnowledgeExtent& extent) const {
    require_countable(c);
    if (c.sequence == Placement::sharded && c.tokens() < c.ranks) {
      refuse(study_, fmt::format("sequence = \"sharded\" with {} token{} in all on {} ranks: use at most {} ranks, or "
                                 "longer or more sequences",
                                 c.tokens(), c.tokens() == 1 ? "" : "s", c.ranks, c.tokens()));
    }
    if (extent.count == 0) return;
    if (c.m > extent.count)
      refuse(study_, fmt::format("m = {}, but {} holds {} vectors: use at most that, or \"all\"", c.m, extent.path,
                                 extent.count));
    if (c.d > extent.dimension) {
      refuse(study_,
             fmt::format("d = {}, but vectors of {} have {} dimensions: use at most that (the leading ones are taken)",
                         c.d, extent.path, extent.dimension));
    }
  }

  Study study_;
  const ExpansionContext& context_;
  std::vector<int> counts_;
  std::int64_t threads_a_core_;
  Case base_;
  bool tiled_ = false;  // the kernel of base_
  std::int64_t widest_head_ = 0;  // that it takes; 0: any
  std::vector<Case> cases_;
  std::set<std::string> seen_;
  std::int64_t held_lengths_ = 0;
};

}  // namespace

std::vector<Case> expand(const Campaign& campaign, const ExpansionContext& context) {
  std::vector<Expansion> studies;
  double count = 0;
  for (const Study& study : campaign.studies) count += studies.emplace_back(campaign, study, context).count();
  if (count > static_cast<double>(campaign.max_cases)) {
    throw Error(ExitStatus::usage,
                fmt::format("the campaign stands for {:.15g} cases, and max_cases = {}: shorten its lists, or raise "
                            "max_cases at the top of the campaign (--set max_cases=N), to {} at most",
                            count, campaign.max_cases, kCaseCounts.most));
  }
  std::vector<Case> all;
  for (Expansion& study : studies) {
    for (Case& c : study.cases()) {
      c.number = static_cast<std::int64_t>(all.size()) + 1;
      all.push_back(std::move(c));
    }
  }
  return all;
}

std::string config_hash(const Campaign& campaign, const std::vector<Case>& cases) {
  std::string text = fmt::format("{}|{}|{}|{}\n", campaign.name, campaign.timing.relative_interval,
                                 campaign.timing.min_repetitions, campaign.timing.max_seconds);
  for (const Case& c : cases) text += describe(c) + '\n';
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace knowscale

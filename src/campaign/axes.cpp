// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/axes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "campaign/case_limits.hpp"
#include "campaign/names.hpp"
#include "core/error.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "kernels/engine.hpp"
#include "models/lstm.hpp"

namespace knowscale {
namespace {

constexpr std::int64_t kDefaultVectors = 65536;
constexpr std::int64_t kDefaultWidth = 64;
constexpr std::int64_t kMostSequences = 10'000'000;  // of unequal lengths

const KeyValue kOpen = {}, kAll = "all", kPowers = "powers";

template <class Row>
const Row* find(const std::vector<Row>& all, const std::string& name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Row& row) { return row.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<KeyValue> without_repeats(const std::vector<KeyValue>& values) {
  std::set<KeyValue> seen;
  std::vector<KeyValue> kept;
  for (const KeyValue& value : values) {
    if (seen.insert(value).second) kept.push_back(value);
  }
  return kept;
}

}  // namespace

// Keys without a rule, or without one of these, are heeded by all and mean what they say.
struct Axes::Rule {
  std::string_view key;
  bool (*heeded)(const Axes&) = nullptr;
  void (Axes::*take)() = nullptr;
};

const std::vector<Axes::Rule>& Axes::rules() {
  const auto attends = [](const Axes& a) { return a.model_->structure.attends(); };
  const auto has_heads = [](const Axes& a) { return a.model_->structure.heads; };
  const auto tiled = [](const Axes& a) { return a.kernel_ != nullptr && a.kernel_->tiled; };
  static const std::vector<Rule> all = {
      {"knowledge", nullptr, &Axes::take_knowledge},
      {"model", nullptr, &Axes::take_model},
      {"kernel", [](const Axes& a) { return a.model_->structure.attends() || a.model_->structure.recurrent; },
       &Axes::take_kernel},
      {"reduction", attends, &Axes::take_reduction},
      {"precision", nullptr, &Axes::take_precision},
      {"exact", [](const Axes& a) { return in_bytes(a.case_.precision); }, &Axes::take_exact},
      {"overlap", attends},
      {"query_tile", [](const Axes& a) { return a.reduction_ != nullptr && a.reduction_->heeds.tiled; }},
      {"chunk", [](const Axes& a) { return a.reduction_ != nullptr && a.reduction_->heeds.chunked; }},
      {"node_size", [](const Axes& a) { return a.reduction_ != nullptr && a.reduction_->heeds.by_node; },
       &Axes::take_node_size},
      {"transport", [](const Axes& a) { return a.kernel_ != nullptr && a.kernel_->on_device(); },
       &Axes::take_transport},
      {"m", [](const Axes& a) { return a.model_->structure.reads_knowledge(); }, &Axes::take_m},
      {"d", nullptr, &Axes::take_d},
      {"lengths", nullptr, &Axes::take_lengths},
      {"causal", nullptr, &Axes::take_causal},
      {"hidden", [](const Axes& a) { return !a.model_->structure.heads; }},
      {"heads", has_heads},
      {"kv_heads", has_heads, &Axes::take_heads},
      {"scale", attends, &Axes::take_scale},
      {"query_block", tiled},
      {"key_block", tiled},
      {"threads", nullptr, &Axes::take_threads},
      {"top_k", [](const Axes& a) { return a.model_->structure.sees_knowledge(); }, &Axes::take_top_k},
  };
  return all;
}

const Axes::Rule* Axes::rule_of(std::string_view key) {
  const auto found = std::find_if(rules().begin(), rules().end(), [&](const Rule& rule) { return rule.key == key; });
  return found == rules().end() ? nullptr : &*found;
}

Axes::Axes(const Campaign& campaign, const Study& study, const ExpansionContext& context)
    : campaign_(campaign), context_(context), study_(study) {
  for (auto& [key, values] : study_.lists) values = without_repeats(values);
  case_.study = study.name;
  case_.seed = campaign.seed;
  const KnownNames& names = context.names;
  const auto require_known = [&](const char* key, const auto& all) {
    for (const KeyValue& value : study_[key]) {
      const std::string name = text_of(value);
      if (find(all, name) != nullptr) continue;
      refuse(fmt::format("unknown {} \"{}\": {}", key, one_line(name), remedy_for_name(name, names_of(all))));
    }
  };
  for (const KeyValue& kernel : study_["kernel"]) {
    const auto& why = names.without_devices;
    if (why && is_kernel_of_devices(text_of(kernel)))
      throw Error(why->status(),
                  fmt::format("study \"{}\": kernel \"{}\": {}", study_.name, text_of(kernel), why->what()));
  }
  require_known("kernel", names.kernels);
  require_known("reduction", names.reductions);
  require_known("model", names.models);
}

void Axes::refuse(const std::string& message) const {
  throw Error(ExitStatus::usage, fmt::format("study \"{}\": {}", one_line(study_.name), message));
}

void Axes::walk(std::size_t begin, std::size_t end, const Visit& visit) {
  if (begin == end) return visit();
  const CaseKey& key = case_keys()[begin];
  const Rule* rule = rule_of(key.name);
  for (const KeyValue& value : heeded_values(key)) {
    asked_ = value;
    key.set(case_, value == kOpen && key.implied != nullptr && heeds(rule) ? key.implied(case_) : value);
    if (rule != nullptr && rule->take != nullptr) (this->*rule->take)();
    walk(begin + 1, end, visit);
  }
}

bool Axes::heeds(const Rule* rule) const { return rule == nullptr || rule->heeded == nullptr || rule->heeded(*this); }

std::vector<KeyValue> Axes::heeded_values(const CaseKey& key) const {
  if (!heeds(rule_of(key.name))) return {kOpen};
  if (key.name == "kernel") return kernels();
  if (key.name == "ranks") return rank_counts();
  if (key.name == "m") return sizes();
  return study_[key.name];
}

double Axes::count() {
  // Behind the last of knowledge, model, kernel and reduction, which decide what other keys are heeded.
  const std::size_t first = static_cast<std::size_t>(&case_key("reduction") - case_keys().data()) + 1;
  double all = 0;
  std::set<std::string> seen;
  walk(0, first, [&] {
    std::string decided;
    for (const CaseKey& key : case_keys().first(first)) decided += text_of(key.get(case_)) + '\n';
    if (!seen.insert(decided).second) return;
    double product = 1;
    for (const CaseKey& key : case_keys().subspan(first)) product *= static_cast<double>(heeded_values(key).size());
    all += product;
  });
  return all;
}

void Axes::for_cases(const std::function<void(const Case&)>& take) {
  for (const KeyValue& threads : study_["threads"]) {
    const std::int64_t count = std::get<std::int64_t>(threads), cores = context_.machine_cores;
    const std::int64_t most = campaign_.threads_per_core * cores;
    if (count <= most) continue;
    refuse(
        fmt::format("threads = {} on a machine with {} core{}: use at most {}, or ask for more with "
                    "threads_per_core = {} at the top of the campaign",
                    count, cores, cores == 1 ? "" : "s", most, (count + cores - 1) / cores));
  }
  walk(0, case_keys().size(), [&] {
    Case c = case_;
    if (c.scaling == Scaling::weak) c.m = require_product(study_.name, "m of all ranks", c.m, c.ranks);
    require_sizes_fit(c);
    take(c);
  });
}

void Axes::require_sizes_fit(const Case& c) const {
  require_countable(c);
  if (c.sequence == Placement::sharded && c.tokens() < c.ranks) {
    refuse(
        fmt::format("sequence = \"sharded\" with {} token{} in all on {} ranks: use at most {} ranks, or longer or "
                    "more sequences",
                    c.tokens(), c.tokens() == 1 ? "" : "s", c.ranks, c.tokens()));
  }
  if (knowledge_.count == 0) return;
  if (c.m > knowledge_.count) {
    refuse(fmt::format("m = {}, but {} holds {} vectors: use at most that, or \"all\"", c.m, knowledge_.path,
                       knowledge_.count));
  }
  if (c.d > knowledge_.dimension) {
    refuse(fmt::format("d = {}, but vectors of {} have {} dimensions: use at most that (the leading ones are taken)",
                       c.d, knowledge_.path, knowledge_.dimension));
  }
}

std::vector<KeyValue> Axes::kernels() const {
  const std::vector<KeyValue>& asked = study_["kernel"];
  if (model_->structure.attends()) return asked;
  std::vector<KeyValue> places;
  for (const KeyValue& kernel : asked) {
    places.emplace_back(std::string(is_kernel_of_devices(text_of(kernel)) ? lstm_model::kOnDevice : kUnused));
  }
  return without_repeats(places);
}

// The command line's, the study's, or 1, 2, 4, ... and all.
std::vector<KeyValue> Axes::rank_counts() const {
  const int launched = context_.launched_ranks;
  std::vector<KeyValue> asked = study_["ranks"], counts;
  if (context_.ranks_override) asked.assign(context_.ranks_override->begin(), context_.ranks_override->end());
  for (const KeyValue& value : asked) {
    if (value == kPowers) {
      for (std::int64_t ranks = 1; ranks < launched; ranks *= 2) counts.emplace_back(ranks);
      counts.emplace_back(std::int64_t{launched});
      continue;
    }
    const std::int64_t ranks = std::get<std::int64_t>(value);
    if (ranks < 1 || ranks > launched) {
      refuse(fmt::format("ranks = {}, but {} are launched: use mpirun -n {}, or --ranks with at most {}", ranks,
                         launched, ranks, launched));
    }
    counts.push_back(value);
  }
  return without_repeats(counts);
}

std::vector<KeyValue> Axes::sizes() const {
  std::vector<KeyValue> asked = study_["m"];
  for (KeyValue& size : asked) {
    if (size == kOpen) size = knowledge_.count > 0 ? kAll : KeyValue(kDefaultVectors);
  }
  return asked;
}

void Axes::take_knowledge() {
  const std::string name = text_of(asked_);
  const auto& generators = context_.names.generators;
  if (std::find(generators.begin(), generators.end(), name) != generators.end()) {
    knowledge_ = {name};
    return;
  }
  const auto known = extents_.find(name);
  knowledge_ =
      known != extents_.end() ? known->second : extents_.emplace(name, context_.open_knowledge(name)).first->second;
}

void Axes::take_model() {
  model_ = find(context_.names.models, case_.model);
  const Structure& structure = model_->structure;
  case_.projected = structure.projected;
  case_.attends_to_tokens = structure.sees_sequence();
  // A generator that no model reads is the same case as any other.
  case_.knowledge = structure.reads_knowledge() || knowledge_.count > 0 ? knowledge_.path : std::string(kUnused);
  case_.separate_values = knowledge_.has_values;
}

void Axes::take_kernel() {
  kernel_ = model_->structure.attends() ? find(context_.names.kernels, case_.kernel) : nullptr;
  case_.on_device = is_kernel_of_devices(case_.kernel);
}

void Axes::take_reduction() {
  reduction_ = model_->structure.attends() ? find(context_.names.reductions, case_.reduction) : nullptr;
}

void Axes::take_precision() {
  const auto require_precision = [&](const char* key, std::string_view name, const auto& one) {
    if (one.computes(case_.precision)) return;
    std::vector<std::string_view> names;
    for (const Precision other : kPrecisions) {
      if (one.computes(other)) names.push_back(name_of(other));
    }
    refuse(fmt::format("{} \"{}\" has no {}: use {}, or another {} in a study of its own", key, name,
                       name_of(case_.precision), fmt::join(names, ", "), key));
  };
  require_precision("model", model_->name, *model_);
  if (case_.precision == Precision::f16 && case_.knowledge == "large_scores")
    refuse("knowledge large_scores has numbers beyond 65504, which f16 does not hold: use bf16 or f32");
  if (kernel_ != nullptr) require_precision("kernel", kernel_->name, *kernel_);
}

void Axes::take_exact() {
  if (!case_.exact) return;
  const Structure& structure = model_->structure;
  if (case_.precision != Precision::int8)
    refuse(fmt::format("exact = true with precision = \"{}\", whose steps are too wide to screen keys by: use int8",
                       name_of(case_.precision)));
  if (!structure.sees_knowledge() || structure.projected) {
    refuse(
        fmt::format("exact = true, but model \"{}\" does not ask the knowledge as it is stored: use knowledge, joint "
                    "or equivariant, or exact = false",
                    model_->name));
  }
  if (!kernel_->screens)
    refuse(fmt::format("exact = true with kernel \"{}\", which reads all keys: use simd", kernel_->name));
}

void Axes::take_node_size() {
  if (reduction_ != nullptr && reduction_->heeds.by_node && asked_ == kOpen)
    case_.options.node_size = context_.ranks_per_node;
}

void Axes::take_transport() {
  const ReductionOptions& options = case_.options;
  if (options.transport == Transport::host) return;
  if (!reduction_->heeds.on_device) {
    refuse(
        fmt::format("transport = \"{}\", but reduction \"{}\" merges on the host: use two_phase or reduce_scatter, or "
                    "transport = \"host\"",
                    name_of(options.transport), case_.reduction));
  }
  if (options.overlap) {
    refuse(
        fmt::format("transport = \"{}\" with overlap = true: collectives over device memory block: use "
                    "transport = \"host\", or overlap = false",
                    name_of(options.transport)));
  }
}

void Axes::take_m() {
  if (!model_->structure.reads_knowledge()) return;
  if (asked_ == kAll) {
    if (knowledge_.count == 0)
      refuse(fmt::format("m = \"all\" of the generator {}, which has no end: give a number", knowledge_.path));
    if (case_.scaling == Scaling::weak) refuse("m = \"all\" with weak scaling: give a rank's share as a number");
    case_.m = knowledge_.count;
  }
  if (case_.m == 0)
    refuse(fmt::format("m = 0, but model \"{}\" reads the knowledge: give at least 1 vector", model_->name));
}

void Axes::take_d() {
  if (asked_ == kOpen) case_.d = knowledge_.dimension != 0 ? knowledge_.dimension : kDefaultWidth;
}

void Axes::take_lengths() { case_.unequal = sequence_lengths(); }

// Tokens of each sequence; none where all have n.
std::vector<std::int64_t> Axes::sequence_lengths() const {
  const Case& c = case_;
  std::vector<std::int64_t> lengths;
  if (c.lengths == Lengths::equal) return lengths;
  if (c.batch > kMostSequences) {
    refuse(fmt::format("batch = {} sequences of lengths = \"{}\": use at most {}, or \"equal\"", c.batch,
                       name_of(c.lengths), kMostSequences));
  }
  if (c.lengths == Lengths::random) {  // the first is the longest
    for (std::int64_t b = 0; b < c.batch; ++b) {
      const std::uint64_t word = random_words(c.seed, Draw::lengths, static_cast<std::uint64_t>(b), 0)[0];
      lengths.push_back(b == 0 ? c.n : 1 + static_cast<std::int64_t>(word % static_cast<std::uint64_t>(c.n)));
    }
    return lengths;
  }
  if (knowledge_.sequences < 1) {
    refuse(
        fmt::format("lengths = \"sentences\", but {} has no sentences: use \"equal\" or \"random\"", knowledge_.path));
  }
  const std::vector<std::int64_t> sentences = context_.sentence_lengths(knowledge_.path, c.batch);
  for (std::int64_t b = 0; b < c.batch; ++b) {
    lengths.push_back(std::min(sentences[static_cast<std::size_t>(b) % sentences.size()], c.n));
  }
  return lengths;
}

void Axes::take_causal() {
  if (!case_.causal || model_->structure.sees_sequence()) return;
  refuse(
      fmt::format("causal = true, but model \"{}\" has no tokens that attend to tokens: put it in a study of its own "
                  "without causal",
                  model_->name));
}

void Axes::take_heads() {
  const Case& c = case_;
  if (!model_->structure.heads) return;
  if (c.heads > c.d || c.d % c.heads != 0)
    refuse(fmt::format("heads = {} do not divide d = {}: use a divisor of d", c.heads, c.d));
  if (c.kv_heads > c.heads || c.heads % c.kv_heads != 0)
    refuse(fmt::format("kv_heads = {} do not divide heads = {}: use a divisor of heads", c.kv_heads, c.heads));
  if (const std::int64_t widest = kernel_ == nullptr ? 0 : kernel_->widest_head; widest > 0 && c.head_dim() > widest) {
    refuse(
        fmt::format("kernel \"{}\" with d = {} in {} head{}: a head has at most {} columns there: use more heads, or "
                    "another kernel, such as \"cublas\"",
                    c.kernel, c.d, c.heads, c.heads == 1 ? "" : "s", widest));
  }
}

void Axes::take_scale() { require_scale_fits(case_); }

void Axes::take_threads() {
  if (case_.threads == 0) case_.threads = context_.cores_per_rank;
}

void Axes::take_top_k() {
  if (case_.top_k <= case_.m) return;
  refuse(fmt::format("top_k = {}, but the knowledge has m = {} vectors: use at most that", case_.top_k, case_.m));
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// One study as a walk over its keys, the axes of a product: which of a key's values a case heeds, given those of the
// keys before it, what becomes of a value that was left open, and what is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "campaign/campaign.hpp"
#include "campaign/expand.hpp"

namespace knowscale {

class Axes {
 public:
  // Throws Error(usage) for a name that is not known. `campaign` and `context` outlive it.
  Axes(const Campaign& campaign, const Study& study, const ExpansionContext& context);

  // Calls take(case) for every combination that is heeded, in order, some of them equal. Throws Error(usage).
  void for_cases(const std::function<void(const Case&)>& take);

  // How many there are, without making them: values that only turn out to be the same (threads = 0 and the number it
  // stands for) count twice. A double, for lists multiply beyond 64 bits.
  double count();

 private:
  struct Rule;  // of a key
  static const std::vector<Rule>& rules();
  static const Rule* rule_of(std::string_view key);

  using Visit = std::function<void()>;
  // All heeded combinations of the keys in front of `end`, from `begin` on.
  void walk(std::size_t begin, std::size_t end, const Visit& visit);
  bool heeds(const Rule* rule) const;
  std::vector<KeyValue> heeded_values(const CaseKey& key) const;
  [[noreturn]] void refuse(const std::string& message) const;

  // The kernels that the model tells apart: an LSTM those of devices from all others, for it has one way on each.
  std::vector<KeyValue> kernels() const;
  std::vector<KeyValue> rank_counts() const;
  std::vector<KeyValue> sizes() const;

  // What follows from a key's value, which the case has by now.
  void take_knowledge();
  void take_model();
  void take_kernel();
  void take_reduction();
  void take_precision();
  void take_exact();
  void take_node_size();
  void take_transport();
  void take_m();
  void take_d();
  void take_lengths();
  void take_causal();
  void take_heads();
  void take_scale();
  void take_threads();
  void take_top_k();

  std::vector<std::int64_t> sequence_lengths() const;
  void require_sizes_fit(const Case& c) const;

  const Campaign& campaign_;
  const ExpansionContext& context_;
  Study study_;  // without repeats
  std::map<std::string, KnowledgeExtent> extents_;
  Case case_;       // as far as it is decided
  KeyValue asked_;  // the value of the key in hand, as it was asked for
  KnowledgeExtent knowledge_;
  const Model* model_ = nullptr;
  const Kernel* kernel_ = nullptr;        // none where the model does not attend
  const Reduction* reduction_ = nullptr;  // likewise
};

}  // namespace knowscale

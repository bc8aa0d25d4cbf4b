// SPDX-License-Identifier: BSD-3-Clause
#include "models/cost.hpp"

#include <algorithm>

#include "models/lstm.hpp"

namespace knowscale {
namespace {

// Of a number of tokens, and of what is made of tokens and knowledge.
std::int64_t stored_bytes(const Case& c) { return static_cast<std::int64_t>(bytes_of(unscaled(c.precision))); }
std::int64_t computed_bytes(const Case& c) { return std::max<std::int64_t>(stored_bytes(c), sizeof(float)); }

// Of a knowledge vector.
std::int64_t vector_bytes(const Case& c) {
  return c.keeps_bytes() ? byte_layout(c).record_bytes() : c.knowledge_dim() * stored_bytes(c);
}

double tokens_of(const Case& c) { return static_cast<double>(c.tokens()); }

// Pairs of tokens of one sequence that may see each other.
double token_pairs(const Case& c) {
  double pairs = 0;
  for (const RowRange& sequence : c.sequences()) {
    const auto n = static_cast<double>(sequence.size());
    pairs += c.causal ? n * (n + 1) / 2 : n * n;
  }
  return pairs;
}

double flops_of(const Case& c, const Structure& structure) {
  const double tokens = tokens_of(c), m = static_cast<double>(c.m), d = static_cast<double>(c.d);
  const auto d_h = static_cast<double>(c.head_dim()), kv_width = static_cast<double>(c.kv_heads) * d_h;
  double flops = 0;
  for (const Softmax& softmax : structure.all()) {
    // At the least: keys that are screened out have no values.
    const double a_key = c.exact && !structure.projected ? 2 : 4;
    flops += d * ((softmax.sequence ? 4 * token_pairs(c) : 0) + (softmax.knowledge ? a_key * tokens * m : 0));
  }
  if (structure.moments > 0) {
    const double general = 2 * m * kv_width * d_h, symmetric = m * kv_width * (d_h + 1);
    flops += c.has_separate_values() ? general : symmetric;  // k v^T
    flops += 2 * tokens * d * d_h;                           // X times one of them
  }
  if (structure.moments > 1) flops += m * kv_width * (d_h + 1) + 2 * tokens * kv_width * d_h;
  if (structure.projected) flops += 4 * tokens * d * (d + kv_width) + 4 * m * d * kv_width;
  return flops;
}

// Memory of one rank for what the model makes of tokens and knowledge.
double made_bytes(const Case& c, const Structure& structure, double shard_rows) {
  const auto stored = static_cast<double>(stored_bytes(c)), computed = static_cast<double>(computed_bytes(c));
  const double a_tokens = tokens_of(c) * static_cast<double>(c.d) * computed;
  double bytes = a_tokens;  // the output
  if (c.sequence == Placement::sharded) bytes += tokens_of(c) * static_cast<double>(c.d) * stored;
  if (structure.moments > 1) bytes += 3 * a_tokens;  // widened, X A, own rows of X B
  if (structure.moments > 0) {                       // of each thread: sums, those of a chunk, and the kernel's
    const auto numbers = static_cast<double>(structure.moments * c.kv_heads * c.head_dim() * c.head_dim());
    const double a_thread = numbers * (c.fixed_bits() ? 2 * sizeof(std::int64_t) + computed : 2 * computed) +
                            static_cast<double>(c.head_dim() * c.head_dim()) * computed;
    bytes += numbers * computed + c.threads * a_thread;
  }
  if (structure.softmax_count > 1) bytes += a_tokens;
  if (structure.projected) {
    const auto width = static_cast<double>(c.kv_heads * c.head_dim()), d = static_cast<double>(c.d);
    const double own_tokens = static_cast<double>(c.token_shard(0).size());
    bytes += 2 * a_tokens + (2 * (shard_rows + own_tokens) * width + 2 * d * (d + width)) * computed;
  }
  return bytes;
}

void add_allgather(double bytes, int ranks, ReductionCost& to) {
  const Traffic gather = allgather_traffic(bytes, ranks);
  to.sent += gather;
  to.rounds += gather.messages;
  to.round_bytes += gather.bytes;
}

void add_allreduce(double bytes, int ranks, ReductionCost& to) {
  to.sent += allreduce_traffic(bytes, ranks);
  to.allreduces += 1;
  to.allreduce_bytes += bytes;
}

}  // namespace

std::vector<ReductionShape> reduction_shapes(const Case& c, const Structure& structure) {
  const std::int64_t stored = stored_bytes(c), computed = computed_bytes(c);
  std::vector<ReductionShape> shapes;
  for (const Softmax& softmax : structure.all()) {
    ReductionShape shape = {.ranks = c.ranks,
                            .queries = c.tokens(),
                            .keys = {},
                            .heads = c.head_shape(),
                            .stored_bytes = softmax.separate_values || structure.projected ? computed : stored,
                            .state_bytes = computed,
                            .options = c.options};
    if (softmax.sequence) shape.keys.push_back({c.tokens(), softmax.separate_values});
    if (softmax.knowledge) {
      KeysShape knowledge = {c.m, structure.projected || c.has_separate_values()};
      if (c.keeps_bytes() && !structure.projected) {
        knowledge.number_bytes = 1;
        knowledge.head_bytes = byte_layout(c).record_bytes() / c.kv_heads - c.head_dim();
      }
      shape.keys.push_back(knowledge);
    }
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

ReductionCost exchange_of(const Case& c, const Structure& structure, const Reduction* reduction) {
  ReductionCost all;
  if (reduction != nullptr) {
    for (const ReductionShape& shape : reduction_shapes(c, structure)) all += cost_of(*reduction, shape);
  }
  if (c.ranks == 1) return all;
  const double width = static_cast<double>(c.d);
  const auto stored = static_cast<double>(stored_bytes(c)), computed = static_cast<double>(computed_bytes(c));
  if (c.sequence == Placement::sharded && reduction != nullptr && !reduction->own_queries) {
    add_allgather(tokens_of(c) * width * stored, c.ranks, all);
  }
  if (structure.moments > 0) {
    const double numbers = static_cast<double>(structure.moments * c.kv_heads * c.head_dim() * c.head_dim());
    const bool exact = c.fixed_bits();  // two integers a number, and what bounds them
    if (exact) add_allreduce(static_cast<double>(structure.moments) * sizeof(double), c.ranks, all);
    add_allreduce(numbers * (exact ? 2 * sizeof(std::int64_t) : computed), c.ranks, all);
  }
  if (reduction == nullptr && c.options.placement == Placement::replicated) {
    add_allgather(tokens_of(c) * width * computed, c.ranks, all);
  }
  return all;
}

Cost cost_of(const Case& c, const Structure& structure, const Backend& backend) {
  if (structure.recurrent) return lstm_model::cost(c);
  const double shard_rows = static_cast<double>(shard_range(c.m, c.ranks, c.shard_granule(), 0).size());
  const ReductionCost exchange = exchange_of(c, structure, backend.reduction);
  Cost cost;
  double in_f32 = 0;  // bytes of knowledge that lie beside those that are read
  cost.flops = flops_of(c, structure);
  cost.bytes_sent = exchange.sent.bytes;
  cost.messages = exchange.sent.messages;
  if (structure.reads_knowledge()) {
    const double sets = c.has_separate_values() ? 2 : 1;
    cost.bytes_read = sets * shard_rows * static_cast<double>(vector_bytes(c));
    if (c.exact && !structure.projected) {  // at the least
      in_f32 = cost.bytes_read;
      cost.bytes_read = shard_rows * static_cast<double>(byte_layout(c).record_bytes());
    }
  }
  cost.state_bytes = made_bytes(c, structure, shard_rows) + in_f32;
  if (structure.attends()) {
    const double slots = c.options.overlap ? 2 : 1;
    cost.state_bytes += structure.softmax_count * slots * exchange.buffers;
    for (const ReductionShape& shape : reduction_shapes(c, structure)) {
      if (shape.keys.size() > 1) cost.state_bytes += shape.whole_state();  // of the second kind of keys
    }
    cost.state_bytes += static_cast<double>(backend.kernel->scratch_bytes(c.precision, c.head_shape(), c.threads));
  }
  return cost;
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "study/case_run.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "campaign/keys.hpp"
#include "comm/message_count.hpp"
#include "core/text.hpp"
#include "kernels/threads.hpp"
#include "problem/sequence.hpp"
#include "problem/weights.hpp"
#include "record/environment.hpp"
#include "study/choose.hpp"
#include "study/interrupt.hpp"
#include "study/memory.hpp"
#include "truth/oracle_formula.hpp"

namespace knowscale {
namespace {

// The share of the bound that the case reached. A case above it makes the ceilings be measured again, a few times:
// on a shared machine they may have been disturbed.
template <class T>
Bound hold_against_ceilings(const Problem<T>& problem, const Cost& cost, double seconds, Ceilings& ceilings) {
  constexpr int kRefinements = 3;
  const Communicator& comm = problem.comm;
  Bound bound;
  for (int refinements = 0;; ++refinements) {
    if (comm.is_root()) bound = ceilings.bound_of(problem.c, cost, seconds);
    double fraction = bound.fraction;
    comm.broadcast(std::span<double>(&fraction, 1));
    if (fraction <= 1 || refinements == kRefinements) return bound;
    if (runs_on_device(problem.c)) {
      ceilings.refine_devices(comm);
    } else {
      ceilings.refine(comm, problem.threads);
    }
  }
}

// What one more repetition sends, by the rank that sends most of it.
template <class T>
Traffic count_once(const Communicator& comm, PreparedModel<T>& prepared) {
  const Traffic before = counted_traffic().value();
  prepared.run();
  const Traffic after = counted_traffic().value();
  double sent[] = {after.messages - before.messages, after.bytes - before.bytes};
  comm.allreduce(std::span<double>(sent), Combine::maximum);
  return {sent[0], sent[1]};
}

// Of the keys that all ranks screened, the share that mattered; all where none could be screened. Collective.
double share_read(const Communicator& comm, const ScreenCount& count) {
  std::int64_t keys[] = {count.screened, count.read};
  comm.allreduce(std::span<std::int64_t>(keys), Combine::sum);
  return keys[0] == 0 ? 1 : static_cast<double>(keys[1]) / static_cast<double>(keys[0]);
}

std::string reason_of(const CaseResult& result) {
  if (!result.verification.untold.empty()) return result.verification.untold;
  if (!result.verification.passed()) {
    return fmt::format("error {:.3g} exceeds the bound {:.3g}", result.verification.error, result.verification.bound);
  }
  if (result.quantisation.error > result.quantisation.bound) {
    return fmt::format("quantisation error {:.3g} exceeds the bound {:.3g}", result.quantisation.error,
                       result.quantisation.bound);
  }
  for (const SymmetryCheck& check : result.symmetries) {
    if (check.passed()) continue;
    return fmt::format("symmetry \"{}\" should be {} but its error is {:.3g}, bound {:.3g}", name_of(check.symmetry),
                       check.should_keep ? "kept" : "broken", check.error, check.bound);
  }
  if (result.bound.fraction > 1) {
    return fmt::format("{:.0f} % of the measured {} rate", 100 * result.bound.fraction, result.bound.name);
  }
  return "";
}

// device: none where the case runs on the host.
std::vector<RankInfo> gather_ranks(const Communicator& comm, std::int64_t rows, const DeviceOfRank* device) {
  const std::int64_t numbers[] = {rows, peak_memory_bytes(), device == nullptr ? 0 : device->sharing};
  const std::vector<std::int64_t> all = comm.gather(std::span<const std::int64_t>(numbers));
  const std::vector<std::string> hosts = comm.gather(host()), affinities = comm.gather(affinity());
  const std::vector<std::string> devices = comm.gather(device == nullptr ? std::string(kUnused) : device->label());
  std::vector<RankInfo> ranks;
  for (std::size_t r = 0; r < hosts.size(); ++r) {
    ranks.push_back({hosts[r], affinities[r], all[3 * r], all[3 * r + 1], devices[r], all[3 * r + 2]});
  }
  return ranks;
}

// The case's shard; where it runs on a device, the one that is there already.
template <class T>
class LoadedKnowledge {
 public:
  LoadedKnowledge(const Case& c, const CaseContext& context, const Communicator& comm, const Threads& threads) {
    if (runs_on_device(c)) {
      shard_ = &context.knowledge->load<T>(c, comm, threads);
    } else {
      own_ = load_knowledge<T>(c, comm, threads);
    }
  }
  const KnowledgeShard<T>& operator*() const { return shard_ != nullptr ? *shard_ : own_; }

 private:
  KnowledgeShard<T> own_;
  const KnowledgeShard<T>* shard_ = nullptr;
};

// Memory that keeping inputs and output takes on the root: the matrices in f64, and the file's image of them.
double kept_bytes(const Case& c) {
  const double knowledge = 2 * static_cast<double>(c.m) * static_cast<double>(c.knowledge_dim());
  const double sequences = 2 * static_cast<double>(c.tokens()) * static_cast<double>(c.d);
  return 3 * sizeof(double) * (knowledge + sequences);
}

// Memory that the oracle takes on every rank: tokens as keys and values in f64 with their magnitudes, where there are;
// of knowledge in 8 bits the numbers that it stands for, and errors or the same in f32.
double oracle_bytes(const Case& c, const Structure& structure) {
  const double numbers = static_cast<double>(c.tokens()) * static_cast<double>(c.d);
  const double widened = structure.sees_sequence() ? 4 : c.sequence == Placement::sharded ? 2 : 0;
  const double shard =
      2 * static_cast<double>(row_range(c.m, c.ranks, 0).size()) * static_cast<double>(c.knowledge_dim());
  return 2 * sizeof(double) * numbers * widened + (c.keeps_bytes() ? 3 * sizeof(float) * shard : 0);
}

template <class T>
Matrix<double> widened(MatrixView<T> matrix) {
  Matrix<double> out(matrix.rows, matrix.cols);
  for (std::int64_t i = 0; i < matrix.rows; ++i) std::copy_n(matrix.row(i), matrix.cols, out.row(i));
  return out;
}

// Inputs and output in the order of the whole problem, on the root.
template <class T>
std::vector<KeptMatrix> gather_io(const Problem<T>& problem, const Output<Accumulator<T>>& output) {
  const Communicator& comm = problem.comm;
  const Case& c = problem.c;
  const bool replicated = comm.allreduce(output.rows.size(), Combine::sum) == c.tokens() * comm.size();
  const auto gathered = [&](auto own) { return comm.gather_rows<double>(widened(own).view()); };
  std::vector<KeptMatrix> kept;
  kept.push_back({"queries", tokens_on_every_rank(problem)});
  kept.push_back({"keys", gathered(problem.knowledge.keys.view())});
  kept.push_back({"values", gathered(problem.knowledge.values())});
  kept.push_back({"output", replicated ? widened(output.values) : gathered(output.values)});
  Matrix<double> lengths(c.batch, 1);
  const std::vector<RowRange> sequences = c.sequences();
  std::transform(sequences.begin(), sequences.end(), lengths.data(),
                 [](const RowRange& sequence) { return static_cast<double>(sequence.size()); });
  kept.push_back({"lengths", std::move(lengths)});
  if (c.projected) {
    const auto weights = make_projection_weights<Accumulator<T>>(c.seed, c.d, c.kv_heads * c.head_dim());
    kept.push_back({"query_weights", widened(weights.query.view())});
    kept.push_back({"key_weights", widened(weights.key.view())});
    kept.push_back({"value_weights", widened(weights.value.view())});
    kept.push_back({"output_weights", widened(weights.output.view())});
  }
  return kept;
}

// So many rows of /attended a case at most.
constexpr std::int64_t kAttendedRows = 100000;

// The first tokens, as many as fit the record.
template <class T>
std::vector<Attended> find_attended(const Problem<T>& problem, const Structure& structure) {
  const Case& c = problem.c;
  if (c.top_k == 0) return {};
  const std::int64_t tokens = std::clamp<std::int64_t>(kAttendedRows / (c.heads * c.top_k), 1, c.tokens());
  return most_attended(problem, structure, c.top_k, tokens);
}

template <class T>
CaseResult run_case_of(const Case& c, const CaseContext& context, const Communicator& comm, const Model& model,
                       const Backend& backend) {
  CaseResult result;
  result.ran = c;
  comm.together([&] { result.cost = cost_of(c, model.structure, backend); });
  result.cost.state_bytes += oracle_bytes(c, model.structure);
  if (context.keep_io) result.cost.state_bytes += kept_bytes(c);
  const bool on_device = runs_on_device(c);
  if (context.knowledge != nullptr && !context.knowledge->keep_only(c, comm) && on_device) {
    require_device_memory(comm, c, *context.device);
  }
  require_memory(comm, c, result.cost);
  reset_peak_memory();
  const Threads threads(c.threads);
  const LoadedKnowledge<T> loaded(c, context, comm, threads);
  const KnowledgeShard<T>& knowledge = *loaded;
  const Matrix<T> queries = load_queries<T>(c, comm);
  const Problem<T> problem = {c, knowledge, queries.view(), comm, threads};
  const auto prepared = model.prepare(problem, backend);

  if (context.watchdog != nullptr) context.watchdog->watch_case(case_label(c));
  const auto watched_run = [&] {
    if (context.watchdog != nullptr) context.watchdog->begin();
    const Phases phases = prepared->run();
    if (context.watchdog != nullptr) context.watchdog->end();
    return phases;
  };
  result.measurement = measure(comm, context.timing, watched_run, stop_signal_came);
  result.interrupted = result.measurement.interrupted;
  if (result.interrupted) return result;
  if (context.count_messages) result.counted = count_once(comm, *prepared);
  if (knowledge.screened != nullptr) result.keys_read = share_read(comm, *knowledge.screened);
  result.ranks = gather_ranks(comm, knowledge.rows.size(), on_device ? context.device : nullptr);
  const Output<Accumulator<T>> output = prepared->output();
  const KnownKnowledge<T> known(problem);
  const Problem<T> in_numbers = known.problem();
  result.verification = verify_output(in_numbers, output, model.structure.recurrent, *context.lstm_oracle);
  if constexpr (std::is_same_v<T, float>) {
    if (knowledge.in_bytes()) result.quantisation = quantisation_of(problem, output, result.verification);
  }
  result.bound = hold_against_ceilings(problem, result.cost, result.measurement.seconds.median, *context.ceilings);
  if (c.symmetry) {
    result.symmetries = check_symmetries(small_for_symmetries(c), comm, threads, model, backend);
  }
  result.attended = find_attended(in_numbers, model.structure);
  result.reason = reason_of(result);
  int valid = result.reason.empty() ? 1 : 0;
  comm.broadcast(std::span<int>(&valid, 1));
  result.valid = valid == 1;
  if (context.keep_io) result.kept = gather_io(in_numbers, output);
  return result;
}

}  // namespace

CaseResult run_case(const Case& c, const CaseContext& context, const Communicator& comm, const Model& model,
                    const Backend& backend) {
  return with_type_of(c.precision, [&]<class T>(T) { return run_case_of<T>(c, context, comm, model, backend); });
}

CaseResult run_case(const Case& asked, const CaseContext& context, const Communicator& comm) {
  const Choice chosen = choose(asked, *context.ceilings);
  const Case& c = chosen.c;
  CaseResult result = run_case(c, context, comm, model_by_name(c.model), backend_of(c));
  result.exchange_predicted = chosen.exchange_seconds;
  return result;
}

}  // namespace knowscale

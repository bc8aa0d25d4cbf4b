// SPDX-License-Identifier: BSD-3-Clause
// The whole program, top to bottom: campaign file -> cases -> for each: data, timing, verification, a durable
// part of the record -> result file.
#include "study/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "campaign/keys.hpp"
#include "campaign/plan.hpp"
#include "comm/device_collectives.hpp"
#include "comm/message_count.hpp"
#include "core/streams.hpp"
#include "core/text.hpp"
#include "kernels/blas/gemm.hpp"
#include "kernels/threads.hpp"
#include "problem/knowledge_file.hpp"
#include "record/console.hpp"
#include "record/environment.hpp"
#include "record/store.hpp"
#include "study/case_run.hpp"
#include "study/interrupt.hpp"
#include "study/knowledge_check.hpp"
#include "study/progress.hpp"
#include "study/tune.hpp"

namespace knowscale {
namespace {

constexpr double kCeilingSeconds = 0.2;  // for each rate

// What rank 0 owns of a running campaign; the other ranks have none.
using Store = std::unique_ptr<ResultStore>;

Store open_store(const RunOptions& options, const Plan& plan, const Communicator& world) {
  Store store;
  world.together([&] {
    if (!world.is_root()) return;
    const std::string path = options.output.empty() ? "results/" + plan.campaign.name + ".h5" : options.output;
    store = std::make_unique<ResultStore>(path, ResultHeader{plan.campaign.name, plan.config_hash});
  });
  return store;
}

// The cases that earlier launches have not finished, the same on every rank.
std::vector<Case> unfinished(const std::vector<Case>& cases, const Store& store, const Communicator& world) {
  std::vector<std::int64_t> finished(cases.size(), 0);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (store && store->finished_cases().contains(cases[i].number)) finished[i] = 1;
  }
  world.broadcast(std::span<std::int64_t>(finished));
  std::vector<Case> left;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (finished[i] == 0) left.push_back(cases[i]);
  }
  return left;
}

// Runs `body` on the first `ranks` ranks, while the others sleep. A CollectiveError of theirs reaches all.
template <class Body>
void on_first(int ranks, const Communicator& world, const Body& body) {
  std::optional<CollectiveError> error;
  {
    const Communicator comm = world.first(ranks);
    try {
      if (comm.size() > 0) body(comm);
    } catch (const CollectiveError& e) {
      error = e;
    }
    world.sleeping_barrier();
  }
  world.together([&] {
    if (error) throw Error(*error);
  });
}

void measure_ceilings(const std::vector<Case>& cases, const Communicator& world,
                      const std::optional<DeviceOfRank>& device, Ceilings& ceilings) {
  std::set<std::pair<int, int>> shapes;
  std::set<int> with_devices;
  for (const Case& c : cases) {
    shapes.insert({c.ranks, c.threads});
    if (runs_on_device(c)) with_devices.insert(c.ranks);
  }
  for (const auto& [ranks, threads] : shapes) {
    on_first(ranks, world,
             [&ceilings, count = threads](const Communicator& comm) { ceilings.measure(comm, Threads(count)); });
  }
  for (const int ranks : with_devices) {
    on_first(ranks, world, [&](const Communicator& comm) { ceilings.measure_devices(comm, device->device); });
  }
}

// That of this rank, if cases run on devices and it takes part in one; all of which fit their memory.
std::optional<DeviceOfRank> choose_devices(const Plan& plan, const std::vector<Case>& cases,
                                           const Communicator& world) {
  int ranks = 0;
  for (const Case& c : cases) ranks = runs_on_device(c) ? std::max(ranks, c.ranks) : ranks;
  if (ranks == 0) return std::nullopt;
  std::optional<DeviceOfRank> device;
  on_first(ranks, world,
           [&](const Communicator& comm) { device = choose_device(comm, plan.campaign.ranks_per_device); });
  for (const Case& c : cases) {
    if (!runs_on_device(c)) continue;
    on_first(c.ranks, world, [&](const Communicator& comm) { require_device_memory(comm, c, *device); });
  }
  return device;
}

// Everything about this launch that is known at its start.
NameValues describe_launch(const RunOptions& options, const Plan& plan, const std::string& tuning) {
  NameValues meta = versions(exchange_versions());
  for (const auto& pair : environment(options.argv)) meta.push_back(pair);
  meta.emplace_back("tuning", tuning);
  meta.emplace_back("campaign_text", plan.campaign.text);
  return meta;
}

std::vector<Table> launch_tables(const NameValues& meta, const Ceilings& ceilings, std::int64_t launch) {
  std::vector<std::int64_t> launches(meta.size(), launch);
  std::vector<std::string> names, values;
  for (const auto& [name, value] : meta) {
    names.push_back(name);
    values.push_back(value);
  }
  const Table table = {"meta",
                       {{"launch", "1", "launch of the program, from 1", launches},
                        {"name", "", "what", names},
                        {"value", "", "value", values}}};
  return {table, ceilings_table(ceilings.all(), launch)};
}

// Does what only rank 0 does; every rank learns of a failure.
template <class Write>
void on_root(const Communicator& world, const Write& write) {
  world.together([&] {
    if (world.is_root()) write();
  });
}

std::string outcome(const CaseResult& result) {
  const MedianInterval& t = result.measurement.seconds;
  return fmt::format("{:.4g} s [{:.4g}, {:.4g}], {} repetitions, {:.0f} % of {}, {}", t.median, t.low, t.high,
                     result.measurement.samples.size(), 100 * result.bound.fraction, result.bound.name,
                     result.valid ? "VALID" : "INVALID: " + result.reason);
}

// Measures one case and makes it durable; false when a signal asked to stop, and the case was dropped.
bool measure_case(const Case& c, const CaseContext& context, const Communicator& world, const Store& store,
                  Progress& progress) {
  progress.start(case_label(c));
  CaseResult result;
  on_first(c.ranks, world, [&](const Communicator& comm) { result = run_case(c, context, comm); });
  if (world.allreduce(result.interrupted ? 1 : 0, Combine::maximum) == 1) return false;
  on_root(world, [&] { store->write_case(c.number, case_tables(c, result, context.launch), result.kept); });
  progress.finish(outcome(result));
  return world.allreduce(stop_signal_came() ? 1 : 0, Combine::maximum) == 0;
}

// What makes results slower than the machine without making them wrong.
std::vector<std::string> warnings(const std::vector<Case>& cases, const Communicator& world) {
  std::vector<std::string> found;
  if (const std::string narrow = blas::narrow_code_path(); !narrow.empty()) found.push_back(narrow);
  const int cores = world.allreduce(allowed_cores(), Combine::minimum);
  const auto most =
      std::max_element(cases.begin(), cases.end(), [](const Case& a, const Case& b) { return a.threads < b.threads; });
  if (most != cases.end() && most->threads > cores) {
    found.push_back(
        fmt::format("threads = {}, but a rank is bound to {} core{}: use mpirun --map-by slot:PE={} or --bind-to none",
                    most->threads, cores, cores == 1 ? "" : "s", most->threads));
  }
  return found;
}

// Parts that are not used; what this command asks for that finished cases, which are not measured again, do not have.
std::vector<std::string> warnings_of_store(const RunOptions& options, const ResultStore& store) {
  std::vector<std::string> found;
  for (const std::string& remark : store.remarks()) found.push_back(printable(remark));
  const auto tell = [&](const char* option, std::size_t cases, const char* what) {
    if (cases == 0) return;
    found.push_back(fmt::format(
        "{}: {} of the {} finished cases {}, and finished cases are not measured again: choose another file "
        "with -o",
        option, cases, store.finished_cases().size(), what));
  };
  if (options.keep_io) {
    tell("--keep-io", store.finished_cases().size() - store.cases_with_io().size(), "keep no inputs and outputs");
  }
  if (options.count_messages && !store.finished_cases().empty()) {
    const Table cases = store.read("cases");
    const auto& counted = std::get<std::vector<double>>(cases.column("messages_counted").values);
    const auto without = std::count_if(counted.begin(), counted.end(), [](double count) { return std::isnan(count); });
    tell("--count-messages", static_cast<std::size_t>(without), "have no count of messages");
  }
  return found;
}

void print_plan(const Plan& plan) {
  for (const Case& c : plan.cases) print_out(fmt::format("case {:>4}  {}\n", c.number, case_label(c)));
  print_out(fmt::format("knowscale: PLANNED cases={} config_hash={}\n", plan.cases.size(), plan.config_hash));
}

// The result table and the final line; the exit status that they stand for.
ExitStatus conclude(const ResultStore& store, std::size_t skipped) try {
  const Table cases = store.read("cases");
  const auto& valid = cases.values<std::int64_t>("valid");
  const auto& reasons = cases.values<std::string>("reason");
  print_out(case_table(cases) + "\n");
  const std::string file = printable(store.path());
  const auto failed = std::count(valid.begin(), valid.end(), 0);
  if (failed == 0) {
    print_out(fmt::format("knowscale: VALID cases={} skipped={} file={}\n", valid.size(), skipped, file));
    return ExitStatus::valid;
  }
  const auto first = static_cast<std::size_t>(std::find(valid.begin(), valid.end(), 0) - valid.begin());
  print_out(fmt::format("knowscale: INVALID cases={} failed={} reason=\"{}\" file={}\n", valid.size(), failed,
                        reasons[first], file));
  return ExitStatus::invalid;
} catch (const std::out_of_range& missing) {
  throw Error(ExitStatus::resource, fmt::format("{}: {}: use the version of knowscale that wrote it, or choose another "
                                                "file with -o",
                                                store.path(), missing.what()));
}

}  // namespace

ExitStatus run_campaign(const RunOptions& options, const Communicator& world) {
  const Plan plan = make_plan(options, world);
  if (options.dry_run) {
    if (world.is_root()) print_plan(plan);
    return ExitStatus::valid;
  }
  world.together([&] {
    require(!options.count_messages || counted_traffic(), ExitStatus::usage,
            "--count-messages: this build does not count: configure with -DKNOWSCALE_COUNT_MESSAGES=ON");
  });
  const std::string tuning = take_tuning(world);
  const Store store = open_store(options, plan, world);
  const std::vector<Case> cases = unfinished(plan.cases, store, world);
  check_knowledge(cases, world);
  const std::size_t skipped = plan.cases.size() - cases.size();
  Progress progress(world.is_root(), static_cast<std::int64_t>(plan.cases.size()), static_cast<std::int64_t>(skipped));
  for (const std::string& warning : warnings(cases, world)) progress.note("warning: " + warning);
  if (skipped > 0) progress.note(fmt::format("resuming: {} of {} cases are finished", skipped, plan.cases.size()));
  on_root(world, [&] {
    for (const std::string& warning : warnings_of_store(options, *store)) progress.note("warning: " + warning);
  });

  const std::optional<DeviceOfRank> device = choose_devices(plan, cases, world);
  Ceilings ceilings(kCeilingSeconds);
  LstmOracle lstm_oracle;
  KnowledgeCache knowledge;
  Watchdog watchdog(options.watchdog_seconds, world.rank());
  const CaseContext context = {plan.campaign.timing,
                               options.keep_io,
                               options.count_messages,
                               store ? store->launch() : 0,
                               &ceilings,
                               &lstm_oracle,
                               &watchdog,
                               device ? &*device : nullptr,
                               &knowledge};
  NameValues launch = describe_launch(options, plan, tuning);
  const auto write_launch = [&] {
    on_root(world, [&] { store->write_launch(launch_tables(launch, ceilings, context.launch)); });
  };
  if (!cases.empty()) {
    progress.note("kernel simd: " + tuning);
    progress.note("measuring the machine's ceilings");
    measure_ceilings(cases, world, device, ceilings);
    write_launch();
  }
  for (const Case& c : cases) {
    if (measure_case(c, context, world, store, progress)) continue;
    if (world.is_root()) {
      print_out(fmt::format("knowscale: INTERRUPTED cases={} finished={} file={}: the same command resumes\n",
                            plan.cases.size(), store->finished_cases().size(), printable(store->path())));
    }
    return ExitStatus::interrupted;
  }
  if (!cases.empty()) {  // once more: a ceiling may have been raised
    launch.emplace_back("end", time_now());
    write_launch();
  }
  int status = 0;
  world.together([&] {
    if (!world.is_root()) return;
    store->assemble();
    status = static_cast<int>(conclude(*store, skipped));
  });
  world.broadcast(std::span<int>(&status, 1));
  return static_cast<ExitStatus>(status);
}

}  // namespace knowscale

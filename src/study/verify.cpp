// SPDX-License-Identifier: BSD-3-Clause
#include "study/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <type_traits>

#include "campaign/names.hpp"
#include "campaign/plan.hpp"
#include "comm/device_collectives.hpp"
#include "core/streams.hpp"
#include "kernels/threads.hpp"
#include "models/lstm.hpp"
#include "models/model.hpp"
#include "problem/sequence.hpp"
#include "problem/synthetic.hpp"
#include "study/devices.hpp"
#include "truth/oracle.hpp"
#include "truth/representation.hpp"
#include "truth/symmetry.hpp"

namespace knowscale {
namespace {

struct Size {
  std::int64_t n, m, d, heads, kv_heads, batch;
};

// Fewer keys, queries, or query heads than ranks; grouped heads; odd widths; more than one key block.
constexpr Size kSizes[] = {{5, 37, 12, 1, 1, 1}, {3, 2, 8, 2, 2, 1}, {1, 1, 1, 1, 1, 1}, {7, 600, 30, 6, 2, 2}};
// Of few queries, whose bytes are read as they are, and whose keys are screened where the case is exact.
constexpr Size kSizeOfBytes = {2, 700, 64, 2, 2, 1};
constexpr Size kSymmetrySizes[] = {{6, 40, 12, 1, 1, 1}, {4, 33, 24, 4, 2, 2}};

// Counts and prints; on the root alone.
class Tally {
 public:
  explicit Tally(bool prints) : prints_(prints) {}

  std::int64_t checks() const { return checks_; }
  void add(const std::string& what, bool passed, double error, double bound) {
    ++checks_;
    if (!passed && ++failed_ == 1) first_ = fmt::format("{}: error {:.3g}, bound {:.3g}", what, error, bound);
  }
  void print(const std::string& line) const {
    if (prints_) print_out(line + "\n");
  }
  ExitStatus conclude() const {
    if (failed_ == 0) {
      print(fmt::format("knowscale: VALID checks={}", checks_));
      return ExitStatus::valid;
    }
    print(fmt::format("knowscale: INVALID checks={} failed={} reason=\"{}\"", checks_, failed_, first_));
    return ExitStatus::invalid;
  }

 private:
  bool prints_;
  std::int64_t checks_ = 0;
  std::int64_t failed_ = 0;
  std::string first_;
};

// Whether this one is asked for: where none is named, all are.
bool is_among(const std::vector<std::string>& asked, std::string_view name) {
  return asked.empty() || std::find(asked.begin(), asked.end(), name) != asked.end();
}

template <class Rows>
auto asked_of(const std::vector<std::string>& asked, const Rows& rows) {
  std::vector<std::decay_t<decltype(*rows.begin())>> found;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(found),
               [&](const auto& row) { return is_among(asked, row.name); });
  return found;
}

std::vector<Model> models_to_verify(const VerifyOptions& options, Precision precision) {
  std::vector<Model> found = asked_of(options.models, models());
  std::erase_if(found, [&](const Model& model) { return !model.computes(precision); });
  return found;
}
std::vector<Kernel> kernels_to_verify(const VerifyOptions& options, Precision precision) {
  return asked_of(options.kernels, kernels_of(precision));
}
std::vector<Reduction> reductions_to_verify(const VerifyOptions& options) {
  return asked_of(options.reductions, reductions());
}

Case base_case(const VerifyOptions& options, const Communicator& comm, const Size& size, Precision precision) {
  Case c;
  c.n = size.n;
  c.m = size.m;
  c.d = size.d;
  c.batch = size.batch;
  c.precision = precision;
  c.ranks = comm.size();
  c.threads = options.threads;
  c.seed = options.seed;
  return c;
}

Case case_for(const Model& model, const VerifyOptions& options, const Communicator& comm, const Size& size,
              Precision precision) {
  const Structure& structure = model.structure;
  Case c = base_case(options, comm, size, precision);
  c.model = model.name;
  if (!structure.attends()) {
    c.kernel = c.reduction = kUnused;
    c.options = heeded({}, {.tiled = false});
  }
  if (!structure.reads_knowledge()) c.m = 0;
  c.projected = structure.projected;
  c.heads = structure.heads ? size.heads : 0;
  c.kv_heads = structure.heads ? size.kv_heads : 0;
  c.scale = 1 / std::sqrt(static_cast<double>(c.head_dim()));
  c.hidden = structure.recurrent ? size.d + 3 : 0;
  return c;
}

// Sequences of unequal lengths, the longest first.
void make_unequal(Case& c) {
  c.lengths = Lengths::random;
  for (std::int64_t b = 0; b < c.batch; ++b) c.unequal.push_back(std::max<std::int64_t>(c.n - 2 * b, 1));
}

std::string label(const Case& c) {
  return fmt::format("{:<12}{:<10} {:<15} {:<10} {:<4} {:>3} ranks", c.model, c.kernel, c.reduction,
                     c.options.overlap ? "overlapped"
                     : c.exact         ? "exact"
                                       : "",
                     name_of(c.precision), c.ranks);
}

// The most telling of the checks that a line of the console stands for.
struct Worst {
  Verification verification;
  std::string problem;

  void take(const Verification& other, const std::string& what) {
    if (!verification.untold.empty()) return;
    if (other.untold.empty() && verification.bound != 0 &&
        other.error * verification.bound <= verification.error * other.bound)
      return;
    verification = other;
    problem = what;
  }
};

// One way to run a model: how its exchange goes, where its tokens lie, and where a model without a kernel computes.
struct Way {
  ReductionOptions options;
  Placement sequence = Placement::replicated;
  std::string_view kernel = kUnused;
  bool exact = false;
};

// One model, kernel and reduction on all sizes; the model `knowledge` on all generators, the others on one a size.
// Causal and not where tokens see tokens. Prints the check nearest to its bound.
template <class T>
void verify_outputs(const VerifyOptions& options, const Communicator& comm, Precision precision, const Model& model,
                    const Backend& backend, const Way& way, Tally& tally) {
  const Threads threads(options.threads);
  const std::vector<std::string> generators = generator_names();
  LstmOracle lstm_oracle;
  Worst worst;
  Case c;
  std::vector<Size> sizes(std::begin(kSizes), std::end(kSizes));
  if (in_bytes(precision)) sizes.push_back(kSizeOfBytes);
  for (std::size_t size = 0; size < sizes.size(); ++size) {
    for (std::size_t generator = 0; generator < generators.size(); ++generator) {
      const bool plain = model.structure.sees_knowledge() && !model.structure.sees_sequence();
      if (!plain && generator != size % generators.size()) continue;
      if (precision == Precision::f16 && generators[generator] == "large_scores") continue;  // beyond 65504
      c = case_for(model, options, comm, sizes[size], precision);
      c.knowledge = model.structure.reads_knowledge() ? generators[generator] : std::string(kUnused);
      if (backend.kernel != nullptr) {
        c.kernel = backend.kernel->name;
        use_reduction(c, *backend.reduction, way.options);
      } else {
        c.options.placement = way.options.placement;
        c.kernel = way.kernel;
      }
      if (c.batch > 1) make_unequal(c);
      if (way.sequence == Placement::sharded && c.tokens() >= c.ranks) c.sequence = Placement::sharded;
      c.causal = model.structure.sees_sequence() && size % 2 == 0;
      c.exact = way.exact;
      const KnowledgeShard<T> knowledge = load_knowledge<T>(c, comm, threads);
      const Matrix<T> queries = load_queries<T>(c, comm);
      const Problem<T> problem = {c, knowledge, queries.view(), comm, threads};
      const auto prepared = model.prepare(problem, backend);
      prepared->run();
      const KnownKnowledge<T> known(problem);
      const Verification verification =
          verify_output(known.problem(), prepared->output(), model.structure.recurrent, lstm_oracle);
      const std::string what =
          fmt::format("{} n {} m {} d {}{}{}", c.knowledge, c.n, c.m, c.d, c.causal ? " causal" : "",
                      c.sequence == Placement::sharded ? " sharded" : "");
      tally.add(label(c) + " " + what, verification.passed(), verification.error, verification.bound);
      worst.take(verification, what);
    }
  }
  tally.print(fmt::format("{}  {}  worst error {:.2e}, bound {:.2e} ({})", label(c),
                          worst.verification.passed() ? "ok    " : "FAILED", worst.verification.error,
                          worst.verification.bound, worst.problem));
}

// How the symmetries of one model are looked at.
struct Look {
  Precision precision;
  Size size;
  bool causal = false;
};

void verify_symmetries(const VerifyOptions& options, const Communicator& comm, const Model& model,
                       const Backend& backend, const Look& look, Tally& tally) {
  Case c = case_for(model, options, comm, look.size, look.precision);
  if (backend.kernel != nullptr) {
    c.kernel = backend.kernel->name;
    use_reduction(c, *backend.reduction, {.chunk = 8});
  }
  c.causal = look.causal;
  if (c.batch > 1) make_unequal(c);
  for (const SymmetryCheck& check : check_symmetries(c, comm, Threads(options.threads), model, backend)) {
    const std::string what =
        fmt::format("{} {} heads {}{}", label(c), name_of(check.symmetry), c.heads, c.causal ? " causal" : "");
    tally.add(what, check.passed(), check.error, check.bound);
    const double roundoff = unit_roundoff(c.precision);
    tally.print(fmt::format("{}  {}  {} {}, heads {}{}: {:.1f} units of roundoff, bound {:.1f}", label(c),
                            !check.passed() ? "FAILED"
                            : check.told()  ? "ok    "
                                            : "untold",
                            check.should_keep ? "keeps" : "breaks", name_of(check.symmetry), c.heads,
                            c.causal ? ", causal" : "", check.error / roundoff, check.bound / roundoff));
  }
}

// Every kernel and reduction on one of the sizes, the first of both on both, causal too.
void verify_symmetries(const VerifyOptions& options, const Communicator& comm, const Model& model, Precision precision,
                       Tally& tally) {
  const Structure& structure = model.structure;
  if (!structure.attends()) {
    if (!options.kernels.empty() || !options.reductions.empty()) return;
    for (const Size& size : kSymmetrySizes) verify_symmetries(options, comm, model, {}, {precision, size}, tally);
    return;
  }
  std::size_t number = 0;
  for (const Kernel& kernel : kernels_to_verify(options, precision)) {
    for (const Reduction& reduction : reductions_to_verify(options)) {
      const Backend backend = {&kernel, &reduction};
      verify_symmetries(options, comm, model, backend, {precision, kSymmetrySizes[number % 2]}, tally);
      if (number == 0) verify_symmetries(options, comm, model, backend, {precision, kSymmetrySizes[1]}, tally);
      if (number == 0 && structure.sees_sequence()) {
        verify_symmetries(options, comm, model, backend, {precision, kSymmetrySizes[0], true}, tally);
      }
      ++number;
    }
  }
}

template <class T>
void verify_precision(const VerifyOptions& options, const Communicator& comm, Precision precision, Tally& tally) {
  for (const Model& model : models_to_verify(options, precision)) {
    if (!model.structure.attends()) {
      if (!options.reductions.empty()) continue;
      for (const std::string_view kernel : {kUnused, lstm_model::kOnDevice}) {
        const bool on_device = kernel != kUnused;
        if (on_device ? !model.structure.recurrent || device_count() == 0 : !options.kernels.empty()) continue;
        if (on_device && !is_among(options.kernels, kernel)) continue;
        verify_outputs<T>(options, comm, precision, model, {}, {.options = {}, .kernel = kernel}, tally);
        verify_outputs<T>(options, comm, precision, model, {},
                          {{.placement = Placement::replicated}, Placement::sharded, kernel}, tally);
      }
      continue;
    }
    for (const Kernel& kernel : kernels_to_verify(options, precision)) {
      for (const Reduction& reduction : reductions_to_verify(options)) {
        const Backend backend = {&kernel, &reduction};
        verify_outputs<T>(options, comm, precision, model, backend, {{.chunk = 64}}, tally);
        if (kernel.on_device() && reduction.heeds.on_device && mpi_is_cuda_aware()) {
          verify_outputs<T>(options, comm, precision, model, backend, {{.transport = Transport::cuda_aware_forced}},
                            tally);
        }
        if (precision == Precision::int8 && kernel.screens && model.structure.sees_knowledge() &&
            !model.structure.projected) {
          verify_outputs<T>(options, comm, precision, model, backend, {.options = {.chunk = 64}, .exact = true}, tally);
        }
        // Beside compute, in tiles where it has them, where the result is not left, of a sharded sequence.
        const bool sharded = reduction.natural == Placement::sharded;
        verify_outputs<T>(options, comm, precision, model, backend,
                          {{.placement = sharded ? Placement::replicated : Placement::sharded,
                            .overlap = true,
                            .query_tile = 2,
                            .chunk = 64,
                            .node_size = 2},
                           Placement::sharded},
                          tally);
      }
    }
  }
  for (const Model& model : models_to_verify(options, precision)) {
    verify_symmetries(options, comm, model, precision, tally);
  }
}

void verify_representation(const VerifyOptions& options, Tally& tally) {
  for (const RepresentationCheck& check : check_representation(options.seed)) {
    tally.add(std::string(check.target), check.passed(), check.residual, check.bound);
    const double roundoff = unit_roundoff(Precision::f64);
    tally.print(
        fmt::format("{:<26} {}  {} G1 X + G2 Z, coefficients of Gram matrices alone: least squares leaves {:.3g} "
                    "units of roundoff, bound {:.3g}",
                    check.target, check.passed() ? "ok    " : "FAILED", check.represented ? "is" : "is not",
                    check.residual / roundoff, check.bound / roundoff));
  }
}

std::vector<std::int64_t> rank_counts(const VerifyOptions& options, const Communicator& world) {
  std::vector<std::int64_t> counts =
      options.ranks.value_or(std::vector<std::int64_t>{1, 2, 3, 4, 5, 7, 8, world.size()});
  if (!options.ranks) std::erase_if(counts, [&](std::int64_t ranks) { return ranks > world.size(); });
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  world.together([&] {
    require(counts.front() >= 1 && counts.back() <= world.size(), ExitStatus::usage,
            fmt::format("--ranks {}: {} ranks are launched: use 1 to {}, or mpirun -n {}", counts.back(), world.size(),
                        world.size(), counts.back()));
  });
  return counts;
}

// "auto" is no reduction here: there is nothing to choose by.
void require_known_names(const VerifyOptions& options) {
  const KnownNames names = known_names();
  for (const std::string& kernel : options.kernels) {
    if (!is_kernel_of_devices(kernel) || !names.without_devices) continue;
    throw Error(names.without_devices->status(), fmt::format("--kernel {}: {}", kernel, names.without_devices->what()));
  }
  const struct {
    const char* option;
    const std::vector<std::string>& asked;
    std::vector<std::string> known;
  } table[] = {{"--model", options.models, names_of(names.models)},
               {"--kernel", options.kernels, names_of(names.kernels)},
               {"--reduction", options.reductions, names_of(reductions_to_verify({}))},
               {"--precision", options.precisions, names.precisions}};
  for (const auto& [option, asked, known] : table) {
    for (const std::string& name : asked) {
      require(std::find(known.begin(), known.end(), name) != known.end(), ExitStatus::usage,
              fmt::format("{} {}: {}", option, name, remedy_for_name(name, known)));
    }
  }
}

// Devices for all ranks, several a device where there are fewer; says what is skipped where there are none.
void prepare_devices(const Communicator& world, const Tally& tally) {
  const int devices = world.allreduce(device_count(), Combine::minimum);
  if (devices > 0) {
    const DeviceOfRank device = choose_device(world, world.size());
    tally.print(fmt::format("kernels of devices on {}", device.label()));
  } else if (engine_of_devices() != nullptr) {
    tally.print("kernels of devices are skipped: no device");
  }
}

}  // namespace

ExitStatus verify_all(const VerifyOptions& options, const Communicator& world) {
  Tally tally(world.is_root());
  world.together([&] { require_known_names(options); });
  prepare_devices(world, tally);
  verify_representation(options, tally);
  const std::int64_t of_functions = tally.checks();
  for (const std::int64_t ranks : rank_counts(options, world)) {
    const Communicator comm = world.first(static_cast<int>(ranks));
    if (comm.size() > 0) {
      for (const Precision precision : kPrecisions) {
        if (!is_among(options.precisions, name_of(precision))) continue;
        with_type_of(precision, [&]<class T>(T) { verify_precision<T>(options, comm, precision, tally); });
      }
    }
    world.sleeping_barrier();
  }
  world.together([&] {
    require(!world.is_root() || tally.checks() > of_functions, ExitStatus::usage,
            "verify: no model goes with what --model, --kernel, --reduction and --precision name: see knowscale list");
  });
  int status = static_cast<int>(tally.conclude());
  world.broadcast(std::span<int>(&status, 1));
  return static_cast<ExitStatus>(status);
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "study/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

#include "models/model.hpp"
#include "models/symmetry.hpp"
#include "problem/sequence.hpp"
#include "problem/synthetic.hpp"
#include "study/oracle.hpp"

namespace knowscale {
namespace {

struct Size {
  std::int64_t n, m, d, heads, kv_heads, batch;
};

// Fewer keys, queries, or query heads than ranks; grouped heads; odd widths; more than one key block.
constexpr Size kSizes[] = {{5, 37, 12, 1, 1, 1}, {3, 2, 8, 2, 2, 1}, {1, 1, 1, 1, 1, 1}, {7, 600, 30, 6, 2, 2}};
constexpr Size kSymmetrySizes[] = {{6, 40, 12, 1, 1, 1}, {4, 33, 24, 4, 2, 2}};

// Counts and prints; on the root alone.
class Tally {
 public:
  explicit Tally(bool prints) : prints_(prints) {}

  void add(const std::string& what, bool passed, double error, double bound) {
    ++checks_;
    if (!passed && ++failed_ == 1) first_ = fmt::format("{}: error {:.3g}, bound {:.3g}", what, error, bound);
  }
  void print(const std::string& line) const {
    if (prints_) fmt::print("{}\n", line);
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

template <class T>
Case case_for(const Model<T>& model, const VerifyOptions& options, const Communicator& comm, const Size& size) {
  Case c = base_case(options, comm, size, precision_of<T>);
  c.model = model.name;
  c.heads = model.attends ? size.heads : 0;
  c.kv_heads = model.attends ? size.kv_heads : 0;
  c.scale = 1 / std::sqrt(static_cast<double>(c.head_dim()));
  c.hidden = model.recurrent ? size.d + 3 : 0;
  return c;
}

std::string label(const Case& c) {
  return fmt::format("{:<10} {:<10} {:<15} {:<10} {} {:>3} ranks", c.model, c.kernel, c.reduction,
                     c.options.overlap ? "overlapped" : "", name_of(c.precision), c.ranks);
}

// One model, kernel and reduction on all sizes and generators; prints the check nearest to its bound.
template <class T>
void verify_outputs(const VerifyOptions& options, const Communicator& comm, const Model<T>& model, Case c,
                    Tally& tally) {
  const Threads threads(options.threads);
  LstmOracle lstm_oracle;
  Verification worst;
  std::string worst_problem;
  for (const std::string& generator : generator_names()) {
    for (const Size& size : kSizes) {
      const Case asked = c;
      c = case_for(model, options, comm, size);
      c.kernel = asked.kernel;
      c.reduction = asked.reduction;
      c.options = asked.options;
      c.knowledge = generator;
      const KnowledgeShard<T> knowledge = load_knowledge<T>(c, comm, threads);
      const Matrix<T> queries = load_queries<T>(c, comm);
      const Problem<T> problem = {c, knowledge, queries.view(), comm, threads};
      const auto prepared = model.prepare(problem, backend_of<T>(c));
      prepared->run();
      const Verification verification = verify_output(problem, prepared->output(), model.attends, lstm_oracle);
      const std::string what = fmt::format("{} {} n {} m {} d {}", label(c), generator, c.n, c.m, c.d);
      tally.add(what, verification.passed(), verification.error, verification.bound);
      if (worst.bound == 0 || verification.error * worst.bound > worst.error * verification.bound) {
        worst = verification;
        worst_problem = fmt::format("{} n {} m {} d {}", generator, c.n, c.m, c.d);
      }
    }
  }
  tally.print(fmt::format("{}  {}  worst error {:.2e}, bound {:.2e} ({})", label(c),
                          worst.passed() ? "ok    " : "FAILED", worst.error, worst.bound, worst_problem));
}

template <class T>
void verify_symmetries(const VerifyOptions& options, const Communicator& comm, const Model<T>& model, Tally& tally) {
  for (const Size& size : kSymmetrySizes) {
    Case c = case_for(model, options, comm, size);
    if (!model.attends) c.kernel = c.reduction = kUnused;
    for (const SymmetryCheck& check : check_symmetries<T>(c, comm, Threads(options.threads))) {
      const std::string what = fmt::format("{} {} heads {}", label(c), name_of(check.symmetry), c.heads);
      tally.add(what, check.passed(), check.error, check.bound);
      tally.print(fmt::format("{}  {}  {} {}, heads {}: {:.1f} units of roundoff, bound {:.1f}", label(c),
                              check.passed() ? "ok    " : "FAILED", check.should_keep ? "keeps" : "breaks",
                              name_of(check.symmetry), c.heads, check.error / unit_roundoff(c.precision),
                              check.bound / unit_roundoff(c.precision)));
    }
  }
}

template <class T>
void verify_precision(const VerifyOptions& options, const Communicator& comm, Tally& tally) {
  for (const Model<T>& model : models<T>()) {
    Case c;
    if (!model.attends) {
      c.kernel = c.reduction = kUnused;
      verify_outputs(options, comm, model, c, tally);
      continue;
    }
    for (const Kernel<T>& kernel : kernels<T>()) {
      for (const Reduction<T>& reduction : reductions<T>()) {
        c.kernel = kernel.name;
        use_reduction(c, reduction, {.chunk = 64});
        verify_outputs(options, comm, model, c, tally);
        // Beside compute, in tiles where it has them, and where the result is not left.
        const bool sharded = reduction.natural == Placement::sharded;
        use_reduction(c, reduction,
                      {.placement = sharded ? Placement::replicated : Placement::sharded,
                       .overlap = true,
                       .query_tile = 2,
                       .chunk = 64,
                       .node_size = 2});
        verify_outputs(options, comm, model, c, tally);
      }
    }
  }
  // Symmetries are about models, not storage: rotated data would have to be rounded to 16 bits again.
  if constexpr (std::is_same_v<T, Accumulator<T>>) {
    for (const Model<T>& model : models<T>()) verify_symmetries(options, comm, model, tally);
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

}  // namespace

ExitStatus verify_all(const VerifyOptions& options, const Communicator& world) {
  Tally tally(world.is_root());
  for (const std::int64_t ranks : rank_counts(options, world)) {
    const Communicator comm = world.first(static_cast<int>(ranks));
    if (comm.size() > 0) {
      for (const Precision precision : kPrecisions) {
        with_type_of(precision, [&]<class T>(T) { verify_precision<T>(options, comm, tally); });
      }
    }
    world.sleeping_barrier();
  }
  int status = static_cast<int>(tally.conclude());
  world.broadcast(std::span<int>(&status, 1));
  return static_cast<ExitStatus>(status);
}

}  // namespace knowscale

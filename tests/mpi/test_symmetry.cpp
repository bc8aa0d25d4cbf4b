// SPDX-License-Identifier: BSD-3-Clause
// Models keep and break the symmetries of the theory; the check itself notices a model that does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "kernels/threads.hpp"
#include "ranks.hpp"
#include "truth/symmetry.hpp"

namespace knowscale {
namespace {

Case symmetry_case(const Communicator& comm, const std::string& model, std::int64_t heads, std::int64_t kv_heads) {
  const Structure& structure = model_by_name(model).structure;
  Case c;
  c.model = model;
  c.projected = structure.projected;
  c.n = 4;
  c.m = structure.reads_knowledge() ? 33 : 0;
  c.d = 24;
  c.heads = heads;
  c.kv_heads = kv_heads;
  c.hidden = heads == 0 ? 20 : 0;
  c.batch = 2;
  c.scale = 1 / std::sqrt(static_cast<double>(c.head_dim()));
  c.ranks = comm.size();
  c.precision = Precision::f64;
  return c;
}

const SymmetryCheck& find(const std::vector<SymmetryCheck>& checks, Symmetry symmetry) {
  for (const SymmetryCheck& check : checks) {
    if (check.symmetry == symmetry) return check;
  }
  throw std::out_of_range("no such check");
}

bool all_passed(const std::vector<SymmetryCheck>& checks) {
  return std::all_of(checks.begin(), checks.end(), [](const SymmetryCheck& check) { return check.passed(); });
}

TEST(Symmetry, EveryModelOfAttentionKeepsItsGroupAndNoMore) {
  for_rank_counts([](const Communicator& comm) {
    for (const Model& model : models()) {
      if (!model.structure.heads) continue;
      for (const auto& [heads, kv_heads] : {std::pair{1, 1}, {4, 2}, {4, 4}, {4, 1}}) {
        const Case c = symmetry_case(comm, std::string(model.name), heads, kv_heads);
        const auto checks = check_symmetries(c, comm, Threads(1));
        // One key/value head for several: the knowledge has the columns of a head alone.
        if (heads == 1 || kv_heads > 1 || !model.structure.reads_knowledge() || model.structure.projected) {
          EXPECT_EQ(find(checks, Symmetry::orthogonal).should_keep, heads == 1 && !model.structure.projected);
        }
        EXPECT_EQ(find(checks, Symmetry::orthogonal_by_head).should_keep, !model.structure.projected);
        EXPECT_EQ(find(checks, Symmetry::sequence_permutation).should_keep, true);
        for (const SymmetryCheck& check : checks) {
          EXPECT_TRUE(check.passed()) << model.name << " heads " << heads << '/' << kv_heads << ' '
                                      << name_of(check.symmetry) << ' ' << check.error << " bound " << check.bound;
        }
      }
    }
  });
}

TEST(Symmetry, HoldsForEveryReductionPrecisionAndWhereTheSequenceIsSharded) {
  for_rank_counts([](const Communicator& comm) {
    for (const Precision precision : kPrecisions) {
      with_type_of(precision, [&]<class T>(T) {
        for (const Reduction& reduction : reductions()) {
          Case c = symmetry_case(comm, "equivariant", 2, 2);
          c.precision = precision;
          c.unequal = {4, 6};
          c.sequence = Placement::sharded;
          use_reduction(c, reduction, {.chunk = 8});
          for (const SymmetryCheck& check : check_symmetries(c, comm, Threads(1))) {
            EXPECT_TRUE(check.passed()) << reduction.name << ' ' << name_of(precision) << ' ' << name_of(check.symmetry)
                                        << ' ' << check.error << " bound " << check.bound;
          }
        }
      });
    }
  });
}

TEST(Symmetry, ACausalMaskBreaksThePermutationOfTheSequenceAlone) {
  for_rank_counts([](const Communicator& comm) {
    for (const char* model : {"self", "joint", "moment", "equivariant", "transformer"}) {
      Case c = symmetry_case(comm, model, 1, 1);
      c.causal = true;
      const auto checks = check_symmetries(c, comm, Threads(1));
      EXPECT_FALSE(find(checks, Symmetry::sequence_permutation).should_keep);
      EXPECT_TRUE(all_passed(checks)) << model;
    }
  });
}

TEST(Symmetry, TheLstmBreaksWhatMovesItsInputsAndKeepsItsPartitions) {
  for_rank_counts([](const Communicator& comm) {
    for (const SymmetryCheck& check : check_symmetries(symmetry_case(comm, "lstm", 0, 0), comm, Threads(1))) {
      const bool partition = check.symmetry == Symmetry::ranks || check.symmetry == Symmetry::threads;
      EXPECT_EQ(check.should_keep, partition) << name_of(check.symmetry);
      EXPECT_TRUE(check.passed()) << name_of(check.symmetry) << ' ' << check.error;
    }
  });
}

// Models broken on purpose: the suite must see it.
template <class Mend>
class Changed : public PreparedModel<double> {
 public:
  explicit Changed(std::unique_ptr<PreparedModel<double>> model) : model_(std::move(model)) {}
  Phases run() override {
    const Phases phases = model_->run();
    const Output<double> output = model_->output();
    values_ = Matrix<double>(output.values.rows, output.values.cols);
    for (std::int64_t i = 0; i < values_.rows(); ++i) {
      std::copy_n(output.values.row(i), values_.cols(), values_.row(i));
      Mend()(values_.row(i), values_.cols());
    }
    return phases;
  }
  Output<double> output() const override { return {model_->output().rows, values_.view()}; }

 private:
  std::unique_ptr<PreparedModel<double>> model_;
  Matrix<double> values_;
};

struct Project {  // y W, W a shift of the axes plus the identity
  void operator()(double* row, std::int64_t width) const {
    std::vector<double> before(row, row + width);
    for (std::int64_t j = 0; j < width; ++j) {
      row[j] += 0.01 * before[static_cast<std::size_t>((j + 1) % width)];
    }
  }
};

template <class Mend>
std::unique_ptr<PreparedModel<double>> prepare_changed(const Problem<double>& problem, const Backend& backend) {
  return std::make_unique<Changed<Mend>>(model_by_name("knowledge").prepare(problem, backend));
}

TEST(Symmetry, AProjectionAddedToAModelIsSeen) {
  for_rank_counts([](const Communicator& comm) {
    const Case c = symmetry_case(comm, "knowledge", 1, 1);
    Model broken = model_by_name("knowledge");
    broken.prepare = prepare_changed<Project>;
    const auto checks = check_symmetries(c, comm, Threads(1), broken, backend_of(c));
    EXPECT_FALSE(find(checks, Symmetry::orthogonal).passed());
    EXPECT_FALSE(find(checks, Symmetry::orthogonal_by_head).passed());
    EXPECT_TRUE(find(checks, Symmetry::knowledge_permutation).passed());
  });
}

// Scores of queries whose components went through a nonlinearity.
double kernel_with_activation(const AttentionInput<double>& input, MatrixView<double> out, const Threads& threads) {
  Matrix<double> bent(input.queries.rows, input.queries.cols);
  for (std::int64_t i = 0; i < bent.rows(); ++i) {
    for (std::int64_t j = 0; j < bent.cols(); ++j) bent(i, j) = std::tanh(input.queries(i, j));
  }
  AttentionInput<double> changed = input;
  changed.queries = bent.view();
  return kernel_by_name("reference").compute(changed, out, threads);
}

TEST(Symmetry, ANonlinearityInAScoreIsSeen) {
  for_rank_counts([](const Communicator& comm) {
    for (const char* name : {"knowledge", "self", "joint", "moment", "equivariant"}) {
      const Case c = symmetry_case(comm, name, 1, 1);
      Kernel bent = kernel_by_name("reference");
      bent.compute = kernel_with_activation;
      const Backend backend = {&bent, &reduction_by_name("packed")};
      const auto checks = check_symmetries(c, comm, Threads(1), model_by_name(name), backend);
      EXPECT_FALSE(find(checks, Symmetry::orthogonal).passed()) << name;
    }
  });
}

// A model that keeps what it should break is a failure too.
TEST(Symmetry, AnEquivariantControlIsSeen) {
  const Communicator world = Communicator::world();
  const Case c = symmetry_case(world, "transformer", 1, 1);
  Model broken = model_by_name("transformer");
  broken.prepare = model_by_name("knowledge").prepare;
  const auto checks = check_symmetries(c, world, Threads(1), broken, backend_of(c));
  EXPECT_FALSE(find(checks, Symmetry::orthogonal).passed());
}

TEST(Symmetry, TheCaseThatACampaignChecksIsSmallAndStillItsOwn) {
  Case c = symmetry_case(Communicator::world(), "joint", 4, 2);
  c.n = 1;
  c.m = 100000;
  c.knowledge = "file.h5";
  c.batch = 64;
  use_reduction(c, reduction_by_name("reproducible"));
  const Case small = small_for_symmetries(c);
  EXPECT_EQ(small.knowledge, "gaussian");
  EXPECT_LE(small.m, 40);
  EXPECT_GE(small.n, 4);  // one token has nothing to change places with
  EXPECT_EQ(small.batch, 2);
  EXPECT_EQ(small.heads, 4);
  EXPECT_EQ(small.reduction, "reproducible");
  const Communicator world = Communicator::world();
  EXPECT_TRUE(all_passed(check_symmetries(small, world, Threads(1))));
}

TEST(Symmetry, ACheckFailsOnTheWrongSide) {
  EXPECT_TRUE((SymmetryCheck{Symmetry::orthogonal, true, 1e-15, 1e-14}).passed());
  EXPECT_FALSE((SymmetryCheck{Symmetry::orthogonal, true, 1e-13, 1e-14}).passed());
  EXPECT_FALSE((SymmetryCheck{Symmetry::orthogonal, false, 1e-15, 1e-14}).passed());
  EXPECT_FALSE((SymmetryCheck{Symmetry::orthogonal, false, 5e-14, 1e-14}).passed());
  EXPECT_TRUE((SymmetryCheck{Symmetry::orthogonal, false, 1e-2, 1e-14}).passed());
  EXPECT_FALSE((SymmetryCheck{Symmetry::orthogonal, false, NAN, 1e-14}).passed());
}

TEST(Symmetry, WhatTheCaseCannotShowIsNotHeldAgainstIt) {
  SymmetryCheck check = {Symmetry::knowledge_permutation, false, 1e-15, 1e-14};
  check.shown = 5e-12;
  EXPECT_FALSE(check.told());
  EXPECT_TRUE(check.passed());
  check.shown = 1e-3;  // something else would have been seen
  EXPECT_TRUE(check.told());
  EXPECT_FALSE(check.passed());
  check.error = 1e-12;
  check.shown = 5e-12;
  EXPECT_TRUE(check.told());
  EXPECT_TRUE(check.passed());
}

// Networks of one unit, softmaxes of scores near 0, vectors of one component.
TEST(Symmetry, SmallThingsAreNotCalledWrong) {
  for_rank_counts({1, 3}, [](const Communicator& comm) {
    for (const Precision precision : {Precision::f32, Precision::f64}) {
      with_type_of(precision, [&]<class T>(T) {
        for (const Model& model : models()) {
          for (const std::int64_t d : {1, 2, 24}) {
            Case c = symmetry_case(comm, std::string(model.name), model.structure.heads ? 1 : 0,
                                   model.structure.heads ? 1 : 0);
            c.precision = precision;
            c.d = d;
            for (const std::int64_t hidden : {1, 4}) {
              if (!model.structure.recurrent && hidden > 1) continue;
              c.hidden = model.structure.recurrent ? hidden : 0;
              for (const double scale : {1e-6, .25}) {
                c.scale = scale;
                for (const SymmetryCheck& check : check_symmetries(c, comm, Threads(1))) {
                  EXPECT_TRUE(check.passed())
                      << model.name << " d " << d << " hidden " << c.hidden << " scale " << scale << ' '
                      << name_of(check.symmetry) << ' ' << name_of(precision) << ' ' << check.error << " bound "
                      << check.bound << " shown " << check.shown;
                }
              }
            }
          }
        }
      });
    }
  });
}

}  // namespace
}  // namespace knowscale

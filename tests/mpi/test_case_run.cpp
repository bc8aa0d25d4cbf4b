// SPDX-License-Identifier: BSD-3-Clause
// A case from data to record, and kernels and reductions broken on purpose: each must come out invalid.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "comm/reductions/agree_on_maxima.hpp"
#include "comm/reductions/in_tiles.hpp"
#include "kernels/partial.hpp"
#include "kernels/threads.hpp"
#include "problem/synthetic.hpp"
#include "ranks.hpp"
#include "study/case_run.hpp"

namespace knowscale {
namespace {

Case small_case(const Communicator& comm) {
  Case c;
  c.number = 1;
  c.study = "test";
  c.model = "knowledge";
  c.n = 24;
  c.m = 1500;
  c.d = 16;
  c.heads = 2;
  c.kv_heads = 2;
  c.scale = 1 / std::sqrt(8.0);
  c.ranks = comm.size();
  return c;
}

struct Fixture {
  Ceilings ceilings{0.002};
  LstmOracle oracle;
  CaseContext context{{0.5, 3, 0.02}, false, true, 1, &ceilings, &oracle};

  CaseResult run(const Case& c, const Communicator& comm, const Model& model, const Backend& backend) {
    ceilings.measure(comm, Threads(c.threads));
    return run_case(c, context, comm, model, backend);
  }
};

const Model& knowledge_model() { return model_by_name("knowledge"); }

TEST(CaseRun, EveryModelKernelAndReductionIsValidAndRecordsItsTables) {
  for_rank_counts([](const Communicator& comm) {
    Fixture fixture;
    for (const Reduction& reduction : reductions()) {
      Case c = small_case(comm);
      use_reduction(c, reduction);
      const CaseResult result = fixture.run(c, comm, knowledge_model(), backend_of(c));
      EXPECT_TRUE(result.valid) << result.reason;
      if (!comm.is_root()) continue;
      EXPECT_GE(result.measurement.samples.size(), 1U);
      EXPECT_GT(result.verification.bound, 0);
      EXPECT_EQ(result.ranks.size(), static_cast<std::size_t>(comm.size()));
      std::int64_t rows = 0;
      for (const RankInfo& rank : result.ranks) rows += rank.rows;
      EXPECT_EQ(rows, c.m);
      const std::vector<Table> tables = case_tables(c, result, 1);
      ASSERT_EQ(tables.size(), 6U);
      EXPECT_EQ(tables[0].name, "cases");
      EXPECT_EQ(tables[0].rows(), 1U);
      EXPECT_EQ(tables[1].rows(), result.measurement.samples.size());
      EXPECT_EQ(tables[2].rows(), static_cast<std::size_t>(comm.size()));
    }
  });
}

TEST(CaseRun, SamplesSplitIntoComputeExchangeAndWait) {
  const Communicator world = Communicator::world();
  Fixture fixture;
  const Case c = small_case(world);
  const CaseResult result = fixture.run(c, world, knowledge_model(), backend_of(c));
  for (const Sample& sample : result.measurement.samples) {
    EXPECT_NEAR(sample.compute + sample.exchange + sample.wait, sample.seconds, 1e-9);
    EXPECT_GT(sample.compute, 0);
    EXPECT_GE(sample.wait, 0);
  }
}

TEST(CaseRun, KeptMatricesAreTheWholeProblemInItsOrder) {
  for_rank_counts([](const Communicator& comm) {
    Fixture fixture;
    fixture.context.keep_io = true;
    Case c = small_case(comm);
    c.reduction = "reduce_scatter";
    const CaseResult result = fixture.run(c, comm, knowledge_model(), backend_of(c));
    if (!comm.is_root()) return;
    ASSERT_EQ(result.kept.size(), 5U);
    EXPECT_EQ(result.kept[0].values.rows(), c.n);
    EXPECT_EQ(result.kept[1].values.rows(), c.m);
    EXPECT_EQ(result.kept[3].values.rows(), c.n);
    std::vector<double> row(static_cast<std::size_t>(c.knowledge_dim()));
    for (const std::int64_t k : {0, 699, 1499}) {
      fill_key_row(c, k, row);
      EXPECT_EQ(result.kept[1].values(k, 3), static_cast<double>(static_cast<float>(row[3])));
      fill_value_row(c, k, row);
      EXPECT_EQ(result.kept[2].values(k, 5), static_cast<double>(static_cast<float>(row[5])));
    }
  });
}

// What a broken build could do; each must fail verification on its own.
double skips_the_last_shard(const AttentionInput<float>& input, MatrixView<float> out, const Threads& threads) {
  AttentionInput<float> shorter = input;
  const RowRange kept = {0, input.keys.rows * 9 / 10};
  shorter.keys = input.keys.slice_rows(kept);
  shorter.values = input.values.slice_rows(kept);
  return kernel_by_name("blas").compute(shorter, out, threads);
}
double returns_zeros(const AttentionInput<float>&, MatrixView<float> out, const Threads&) {
  clear(out);
  return 0;
}
double returns_nan(const AttentionInput<float>& input, MatrixView<float> out, const Threads& threads) {
  kernel_by_name("blas").compute(input, out, threads);
  for (std::int64_t i = 0; i < out.rows; ++i) out(i, 0) = std::nanf("");
  return 0;
}
double forgets_the_scale(const AttentionInput<float>& input, MatrixView<float> out, const Threads& threads) {
  AttentionInput<float> other = input;
  other.scale = 1;
  return kernel_by_name("blas").compute(other, out, threads);
}
double mixes_up_heads(const AttentionInput<float>& input, MatrixView<float> out, const Threads& threads) {
  kernel_by_name("blas").compute(input, out, threads);
  for (std::int64_t i = 0; i + 1 < out.rows; i += 2) {
    std::swap_ranges(out.row(i), out.row(i) + out.cols, out.row(i + 1));
  }
  return 0;
}

// A reduction that merges wrongly.
template <class T>
class Broken : public StateMerge<T> {
 public:
  static constexpr Placement kNatural = Placement::replicated;
  static constexpr std::int64_t kGranule = 1;
  using StateMerge<T>::StateMerge;
  Broken(const ShardedAttention<T>& attention, std::int64_t rows) : StateMerge<T>(attention, rows) {}

 protected:
  std::span<Accumulator<T>> numbers() { return {this->state_.data, static_cast<std::size_t>(this->state_.size())}; }
};
template <class T>
struct DropsTheMerge : Broken<T> {
  using Broken<T>::Broken;
  Exchange merge(std::span<const RowRange>) override { co_return; }
};
template <class T>
struct SumsWithoutRescaling : Broken<T> {
  using Broken<T>::Broken;
  Exchange merge(std::span<const RowRange>) override {
    co_await this->channel_.allreduce(this->numbers(), Combine::sum);
  }
};
template <class T>
struct ForgetsARank : Broken<T> {
  using Broken<T>::Broken;
  Exchange merge(std::span<const RowRange>) override {
    if (this->rank() == this->size() - 1) clear(this->state_);
    std::vector<Accumulator<T>> maxima(static_cast<std::size_t>(this->state_.rows));
    co_await agree_on_maxima<Accumulator<T>>(this->channel_, this->state_, maxima, this->attention_.threads);
    co_await this->channel_.allreduce(this->numbers(), Combine::sum);
  }
};

TEST(Mutations, ABrokenKernelIsInvalidAtEveryRankCount) {
  Fixture fixture;
  const auto broken = [](const char* name, ComputeState<float>* compute) {
    Kernel kernel = kernel_by_name("blas");
    kernel.name = name;
    kernel.compute = compute;
    return kernel;
  };
  for (const Kernel& kernel :
       {broken("skips", skips_the_last_shard), broken("zeros", returns_zeros), broken("nan", returns_nan),
        broken("scale", forgets_the_scale), broken("heads", mixes_up_heads)}) {
    for_rank_counts([&](const Communicator& comm) {
      const Case c = small_case(comm);
      const Backend backend = {&kernel, &reduction_by_name("two_phase")};
      const CaseResult result = fixture.run(c, comm, knowledge_model(), backend);
      EXPECT_FALSE(result.valid) << kernel.name;
      EXPECT_FALSE(result.reason.empty());
    });
  }
}

TEST(Mutations, ABrokenReductionIsInvalidFromTwoRanksOn) {
  Fixture fixture;
  const auto cost = reduction_by_name("packed").cost;
  constexpr Placement replicated = Placement::replicated;
  for (const Reduction& reduction : {Reduction{"drops", replicated, prepared_in_tiles<DropsTheMerge>(), cost},
                                     {"forgets", replicated, prepared_in_tiles<ForgetsARank>(), cost},
                                     {"sums", replicated, prepared_in_tiles<SumsWithoutRescaling>(), cost}}) {
    for_rank_counts([&](const Communicator& comm) {
      if (comm.size() == 1) return;
      const Case c = small_case(comm);
      const Backend backend = {&kernel_by_name("blas"), &reduction};
      EXPECT_FALSE(fixture.run(c, comm, knowledge_model(), backend).valid) << reduction.name;
    });
  }
}

// An LSTM whose output is off by one part in a thousand.
class Perturbed : public PreparedModel<float> {
 public:
  explicit Perturbed(std::unique_ptr<PreparedModel<float>> model) : model_(std::move(model)) {}
  Phases run() override {
    const Phases phases = model_->run();
    const Output<float> output = model_->output();
    values_ = Matrix<float>(output.values.rows, output.values.cols);
    for (std::int64_t i = 0; i < values_.size(); ++i) values_.data()[i] = 1.001f * output.values.data[i];
    return phases;
  }
  Output<float> output() const override { return {model_->output().rows, values_.view()}; }

 private:
  std::unique_ptr<PreparedModel<float>> model_;
  Matrix<float> values_;
};

TEST(Mutations, APerturbedLstmIsInvalidAndAnHonestOneIsNot) {
  for_rank_counts([](const Communicator& comm) {
    Fixture fixture;
    Case c = small_case(comm);
    c.model = "lstm";
    c.m = 60;
    c.n = 3;
    c.batch = 3;
    c.heads = c.kv_heads = 0;
    c.hidden = 16;
    const Model& honest = model_by_name("lstm");
    const CaseResult result = fixture.run(c, comm, honest, {});
    EXPECT_TRUE(result.valid) << result.reason;
    Model broken = honest;
    broken.prepare =
        +[](const Problem<float>& problem, const Backend& backend) -> std::unique_ptr<PreparedModel<float>> {
      return std::make_unique<Perturbed>(model_by_name("lstm").prepare(problem, backend));
    };
    EXPECT_FALSE(fixture.run(c, comm, broken, {}).valid);
  });
}

struct Nothing {
  void operator()(float* row, std::int64_t width) const { std::fill_n(row, width, 0.0f); }
};
struct ATwentiethTooLarge {
  void operator()(float* row, std::int64_t width) const {
    std::transform(row, row + width, row, [](float x) { return 1.05f * x; });
  }
};

// The model of the case with its output changed.
template <class Change>
class ChangedOutput : public PreparedModel<float> {
 public:
  explicit ChangedOutput(std::unique_ptr<PreparedModel<float>> model) : model_(std::move(model)) {}
  Phases run() override {
    const Phases phases = model_->run();
    const Output<float> output = model_->output();
    values_ = Matrix<float>(output.values.rows, output.values.cols);
    for (std::int64_t i = 0; i < values_.rows(); ++i) {
      std::copy_n(output.values.row(i), values_.cols(), values_.row(i));
      Change()(values_.row(i), values_.cols());
    }
    return phases;
  }
  Output<float> output() const override { return {model_->output().rows, values_.view()}; }

 private:
  std::unique_ptr<PreparedModel<float>> model_;
  Matrix<float> values_;
};

template <class Change>
std::unique_ptr<PreparedModel<float>> prepare_changed(const Problem<float>& problem, const Backend& backend) {
  return std::make_unique<ChangedOutput<Change>>(model_by_name(problem.c.model).prepare(problem, backend));
}

// At sizes where means over the knowledge are small, so that bounds must be tight to see anything.
TEST(Mutations, NothingAndALittleTooMuchAreInvalidForEveryModelAtOrdinarySizes) {
  const Communicator world = Communicator::world();
  Fixture fixture;
  fixture.context.timing = {0.5, 1, 0.01};
  for (const Model& model : models()) {
    if (model.structure.recurrent) continue;
    Case c = small_case(world);
    c.model = model.name;
    c.projected = model.structure.projected;
    c.n = 64;
    c.d = 64;
    c.m = model.structure.reads_knowledge() ? 30000 : 0;
    c.heads = c.kv_heads = 1;
    c.scale = 0.125;
    c.reduction = "two_phase";
    if (!model.structure.attends()) c.kernel = c.reduction = kUnused;
    const Backend backend = backend_of(c);
    const CaseResult honest = fixture.run(c, world, model, backend);
    EXPECT_TRUE(honest.valid) << model.name << ' ' << honest.reason;
    for (const auto prepare : {prepare_changed<Nothing>, prepare_changed<ATwentiethTooLarge>}) {
      Model broken = model;
      broken.prepare = prepare;
      EXPECT_FALSE(fixture.run(c, world, broken, backend).valid) << model.name;
    }
    if (model.name != "equivariant") continue;
    for (const char* half : {"moment", "knowledge"}) {  // the other half is missing
      Model broken = model;
      broken.prepare = model_by_name(half).prepare;
      EXPECT_FALSE(fixture.run(c, world, broken, backend).valid) << half;
    }
  }
}

TEST(CaseRun, MoreMemoryThanThereIsIsRefusedOnEveryRankBeforeAnythingIsAllocated) {
  for_rank_counts([](const Communicator& comm) {
    Fixture fixture;
    Case c = small_case(comm);
    c.m = std::int64_t{1} << 40;
    try {
      fixture.run(c, comm, knowledge_model(), backend_of(c));
      FAIL();
    } catch (const CollectiveError& e) {
      EXPECT_EQ(e.status(), ExitStatus::resource);
      EXPECT_NE(std::string(e.what()).find("m = 1099511627776"), std::string::npos) << e.what();
    }
  });
}

}  // namespace
}  // namespace knowscale

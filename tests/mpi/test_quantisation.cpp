// SPDX-License-Identifier: BSD-3-Clause
// Knowledge in 8 bits: shards of it, and how far from f32 the record says that an output is.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "kernels/threads.hpp"
#include "problem/sequence.hpp"
#include "ranks.hpp"
#include "study/memory.hpp"
#include "truth/quantisation.hpp"

namespace knowscale {
namespace {

const std::string kSample = std::string(KNOWSCALE_SOURCE_DIR) + "/data/wordnet-sample.h5";

Case bytes_case(const Communicator& comm, const std::string& model = "knowledge") {
  Case c;
  c.model = model;
  c.projected = model_by_name(model).structure.projected;
  c.precision = Precision::int8;
  c.n = 20;
  c.m = 700;
  c.d = 24;
  c.heads = 4;
  c.kv_heads = 2;
  c.scale = 1 / std::sqrt(6.0);
  c.ranks = comm.size();
  return c;
}

void expect_same_shards_everywhere(Case c) {
  Matrix<float> expected;  // all keys
  for_rank_counts([&](const Communicator& comm) {
    c.ranks = comm.size();
    const Threads threads(2);
    const KnowledgeShard<float> shard = load_knowledge<float>(c, comm, threads);
    EXPECT_TRUE(shard.in_bytes());
    EXPECT_EQ(shard.keys.rows(), 0);
    // What is made of the numbers all at once.
    Case plain = c;
    plain.precision = Precision::f32;
    const KnowledgeShard<float> whole = quantised(c, load_knowledge<float>(plain, comm, threads), threads);
    const auto a = shard.value_bytes.view().records, b = whole.value_bytes.view().records;
    EXPECT_TRUE(a.rows == b.rows && std::equal(a.data, a.data + a.size(), b.data));
    Matrix<float> keys = comm.gather_rows<float>(dequantised(shard, threads).keys.view());
    if (comm.size() == 1) {
      expected = std::move(keys);
    } else if (comm.is_root()) {
      EXPECT_TRUE(std::equal(keys.data(), keys.data() + keys.size(), expected.data()));
    }
  });
}

TEST(Quantisation, ShardsAreTheSameForEveryRankCount) {
  const Communicator world = Communicator::world();
  Case c = bytes_case(world);
  c.m = 100000;  // more than are quantised at once
  expect_same_shards_everywhere(c);
  c.m = 700;
  c.precision = Precision::fp8;
  expect_same_shards_everywhere(c);
  c.knowledge = kSample;
  c.separate_values = false;
  expect_same_shards_everywhere(c);
}

struct Ran {
  Verification verification;
  Quantisation quantisation;
  double largest = 0;  // difference from the output of f32, over its largest component
};

// `damage` changes this rank's shard before the model reads it.
template <class Damage>
Ran run(const Case& c, const Communicator& comm, const Damage& damage) {
  const Threads threads(1);
  KnowledgeShard<float> shard = load_knowledge<float>(c, comm, threads);
  damage(shard);
  const Matrix<float> queries = load_queries<float>(c, comm);
  const Problem<float> problem = {c, shard, queries.view(), comm, threads};
  const auto prepared = model_by_name(c.model).prepare(problem, backend_of(c));
  prepared->run();
  const Output<float> output = prepared->output();
  const KnownKnowledge<float> known(problem);
  Ran ran;
  ran.verification = verify_attention(known.problem(), output);
  ran.quantisation = quantisation_of(problem, output, ran.verification);

  Case plain = c;
  plain.precision = Precision::f32;
  const KnowledgeShard<float> in_f32 = load_knowledge<float>(plain, comm, threads);
  const Problem<float> other = {plain, in_f32, queries.view(), comm, threads};
  const auto exact = model_by_name(c.model).prepare(other, backend_of(c));
  exact->run();
  double size = 0;
  const Output<float> expected = exact->output();
  for (std::int64_t i = 0; i < output.values.rows; ++i) {
    for (std::int64_t j = 0; j < c.d; ++j) {
      ran.largest = std::max(ran.largest, std::abs(double{output.values(i, j)} - double{expected.values(i, j)}));
      size = std::max(size, std::abs(double{expected.values(i, j)}));
    }
  }
  ran.largest /= size;
  return ran;
}

constexpr auto kNoDamage = [](const KnowledgeShard<float>&) {};

TEST(Quantisation, ErrorsOfEveryModelAreThoseOfTheOutputAndWithinTheBound) {
  for_rank_counts({1, 3}, [](const Communicator& comm) {
    for (const Model& model : models()) {
      for (const Precision precision : {Precision::int8, Precision::fp8}) {
        if (!model.computes(precision) || !model.structure.attends()) continue;
        Case c = bytes_case(comm, std::string(model.name));
        c.precision = precision;
        use_reduction(c, reduction_by_name("packed"));
        SCOPED_TRACE(c.model + " " + std::string(name_of(precision)));
        const Ran ran = run(c, comm, kNoDamage);
        EXPECT_TRUE(ran.verification.passed()) << ran.verification.error;
        EXPECT_GT(ran.quantisation.error, 1e-5);
        EXPECT_LT(ran.quantisation.error, 0.2);
        // Relative to magnitudes, which are larger than what is left of them in an output.
        EXPECT_LT(ran.quantisation.error, ran.largest * 3);
        if (model.structure.moments > 0) {
          EXPECT_TRUE(std::isnan(ran.quantisation.bound));
        } else {
          EXPECT_LE(ran.quantisation.error, ran.quantisation.bound);
          EXPECT_LT(ran.quantisation.bound, precision == Precision::int8 ? 2 : 40);
        }
      }
    }
  });
}

// A scale that is wrong leaves an output that the oracle, which reads it too, finds right.
TEST(Quantisation, AWrongScaleIsSeenAgainstF32) {
  for_rank_counts({1, 3}, [](const Communicator& comm) {
    Case c = bytes_case(comm);
    use_reduction(c, reduction_by_name("packed"));
    const Ran ran = run(c, comm, [&](KnowledgeShard<float>& shard) {
      const KnowledgeShard<float> numbers = dequantised(shard, Threads(1));
      for (std::int64_t i = 0; i < shard.rows.size(); ++i) {
        std::vector<float> row(numbers.separate_values.row(i), numbers.separate_values.row(i) + c.knowledge_dim());
        for (float& x : row) x *= 3;
        shard.value_bytes.set_row(i, row.data());
      }
    });
    EXPECT_TRUE(ran.verification.passed());
    EXPECT_GT(ran.quantisation.error, ran.quantisation.bound);
  });
}

#ifndef __SANITIZE_ADDRESS__
TEST(Quantisation, PeakOfARankIsItsBytes) {
  for_rank_counts({3}, [](const Communicator& comm) {
    Case c = bytes_case(comm);
    c.n = 600;
    c.m = 400000;
    c.d = 64;
    c.heads = c.kv_heads = 1;
    use_reduction(c, reduction_by_name("packed"));
    const Cost cost = cost_of(c, model_by_name("knowledge").structure, backend_of(c));
    reset_peak_memory();
    const std::int64_t before = peak_memory_bytes();
    const KnowledgeShard<float> knowledge = load_knowledge<float>(c, comm);
    const Matrix<float> queries = load_queries<float>(c, comm);
    const Threads threads(1);
    const Problem<float> problem = {c, knowledge, queries.view(), comm, threads};
    const auto prepared = model_by_name("knowledge").prepare(problem, backend_of(c));
    prepared->run();
    const double used = static_cast<double>(peak_memory_bytes() - before);
    const double shard = 2.0 * static_cast<double>(knowledge.rows.size()) * (64 + 4);
    EXPECT_EQ(cost.bytes_read, 2.0 * static_cast<double>(shard_range(c.m, c.ranks, 1, 0).size()) * (64 + 4));
    EXPECT_LT(used, estimated_rank_bytes(c, cost) + (8 << 20));
    EXPECT_LT(used, 2 * shard);
    EXPECT_GT(used, 0.5 * shard);
  });
}
#endif

}  // namespace
}  // namespace knowscale

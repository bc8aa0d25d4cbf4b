// SPDX-License-Identifier: BSD-3-Clause
// What tokens attend to is the same at every rank count, and what the definition says.
#include "kernels/threads.hpp"
#include "models/attended.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "naive_models.hpp"
#include "problem/sequence.hpp"
#include "problem/synthetic.hpp"
#include "ranks.hpp"

namespace knowscale {
namespace {

// Sequences of 5 and 3 tokens, 2 heads on one key/value head; 29 vectors.
Case attending_case(const Communicator& comm, const std::string& model) {
  Case c;
  c.model = model;
  c.projected = model_by_name(model).structure.projected;
  c.n = 5;
  c.batch = 2;
  c.unequal = {5, 3};
  c.m = 29;
  c.d = 12;
  c.heads = 2;
  c.kv_heads = 1;
  c.scale = 0.4;
  c.ranks = comm.size();
  c.precision = Precision::f64;
  c.causal = model == "joint";
  c.sequence = Placement::sharded;
  return c;
}

void expect_definition(const Case& c, const Communicator& comm) {
  const KnowledgeShard<double> shard = load_knowledge<double>(c, comm);
  const Matrix<double> held = load_queries<double>(c, comm);
  const Threads threads(1);
  const Problem<double> problem = {c, shard, held.view(), comm, threads};
  const auto found = most_attended(problem, model_by_name(c.model).structure, 3, c.tokens());
  EXPECT_EQ(found.empty(), !comm.is_root());
  if (!comm.is_root()) return;
  ASSERT_EQ(found.size(), static_cast<std::size_t>(c.tokens() * c.heads * 3));

  naive::Rows keys, tokens;
  std::vector<double> row(static_cast<std::size_t>(c.knowledge_dim()));
  for (std::int64_t k = 0; k < c.m; ++k) {
    fill_key_row(c, k, row);
    keys.push_back(row);
  }
  row.resize(static_cast<std::size_t>(c.d));
  for (std::int64_t i = 0; i < c.tokens(); ++i) {
    fill_query_row(c, i, row);
    tokens.push_back(row);
  }
  naive::Rows asking = tokens;
  if (c.projected) {
    const auto weights = make_projection_weights<double>(c.seed, c.d, c.kv_heads * c.head_dim());
    keys = naive::times(keys, naive::to_rows(weights.key));
    asking = naive::times(tokens, naive::to_rows(weights.query));
  }
  for (const Attended& one : found) {
    const naive::Rows query = naive::columns({asking[static_cast<std::size_t>(one.token)]}, one.head * 6, 6);
    std::vector<double> scores;
    for (const naive::Row& key : keys) scores.push_back(c.scale * naive::dot(query[0], key));
    double total = 0;
    for (const double score : scores) total += std::exp(score);
    if (c.model == "joint") {  // the mean of both heads is the token's key; those before it, in its sequence
      for (std::int64_t j = one.token < 5 ? 0 : 5; j <= one.token; ++j) {
        const naive::Row& token = tokens[static_cast<std::size_t>(j)];
        double score = 0;
        for (std::size_t i = 0; i < 6; ++i) score += query[0][i] * (token[i] + token[6 + i]) / 2;
        total += std::exp(c.scale * score);
      }
    }
    std::vector<std::int64_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
    });
    EXPECT_EQ(one.vector, order[static_cast<std::size_t>(one.place - 1)]) << one.token << ' ' << one.head;
    EXPECT_NEAR(one.weight, std::exp(scores[static_cast<std::size_t>(one.vector)]) / total, 1e-12);
  }
}

TEST(Attended, IsWhatTheDefinitionSaysAtEveryRankCount) {
  for_rank_counts([](const Communicator& comm) {
    for (const char* model : {"knowledge", "joint", "equivariant", "transformer"}) {
      SCOPED_TRACE(model);
      expect_definition(attending_case(comm, model), comm);
    }
  });
}

}  // namespace
}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// A rank's peak memory is its shard, O(n d) and tiles: read off the kernel's high-water mark. AddressSanitizer keeps
// what is freed for a while, and says nothing of it here.
#ifndef __SANITIZE_ADDRESS__
#include <gtest/gtest.h>

#include "kernels/threads.hpp"
#include "models/model.hpp"
#include "problem/sequence.hpp"
#include "ranks.hpp"
#include "study/memory.hpp"

namespace knowscale {
namespace {

TEST(Memory, PeakOfARankIsItsShardPlusItsQueriesPlusTiles) {
  for_rank_counts({3, 8}, [](const Communicator& comm) {
    Case c;
    c.model = "knowledge";
    c.n = 600;
    c.m = 200000;
    c.d = 64;
    c.scale = 0.125;
    c.ranks = comm.size();
    for (const Reduction& reduction : reductions()) {
      use_reduction(c, reduction);
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
      const double estimate = estimated_rank_bytes(c, cost);
      constexpr double slack = 8 << 20;  // buffers of MPI and BLAS, once
      const double shard = 2.0 * static_cast<double>(knowledge.rows.size()) * 64 * 4;
      EXPECT_LT(used, estimate + slack) << reduction.name;
      const double shards = reduction.name == "ring" ? std::min(comm.size(), 3) : 1;  // with the visiting ones
      EXPECT_LT(used, 1.1 * shards * shard + 8.0 * 600 * 66 * 4 + (1 << 20) + slack) << reduction.name;
      EXPECT_GT(used, 0.5 * shard) << "the high-water mark sees nothing";
      // The scores that must never exist would be larger than all that.
      EXPECT_GT(600.0 * static_cast<double>(knowledge.rows.size()) * 4, used);
    }
  });
}

}  // namespace
}  // namespace knowscale
#endif

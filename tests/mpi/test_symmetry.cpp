// SPDX-License-Identifier: BSD-3-Clause
// Models keep and break the symmetries of the theory; the check itself notices a model that does not.
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <utility>

#include "models/symmetry.hpp"
#include "ranks.hpp"

namespace knowscale {
namespace {

Case symmetry_case(const Communicator& comm, const std::string& model, std::int64_t heads, std::int64_t kv_heads) {
  Case c;
  c.model = model;
  c.n = 4;
  c.m = 33;
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

TEST(Symmetry, AttentionKeepsItsGroupAndNoMore) {
  for_rank_counts([](const Communicator& comm) {
    for (const auto& [heads, kv_heads] : {std::pair{1, 1}, {4, 2}, {4, 4}, {4, 1}}) {
      const auto checks = check_symmetries<double>(symmetry_case(comm, "knowledge", heads, kv_heads), comm, Threads(1));
      EXPECT_EQ(checks.size(), 4U);
      EXPECT_EQ(find(checks, Symmetry::orthogonal).should_keep, kv_heads == 1);
      EXPECT_TRUE(find(checks, Symmetry::orthogonal_by_head).should_keep);
      for (const SymmetryCheck& check : checks)
        EXPECT_TRUE(check.passed()) << name_of(check.symmetry) << ' ' << check.error;
    }
  });
}

TEST(Symmetry, TheLstmBreaksAll) {
  for_rank_counts([](const Communicator& comm) {
    for (const SymmetryCheck& check : check_symmetries<double>(symmetry_case(comm, "lstm", 0, 0), comm, Threads(1))) {
      EXPECT_FALSE(check.should_keep);
      EXPECT_GT(check.error, 1000 * check.bound) << name_of(check.symmetry);
    }
  });
}

TEST(Symmetry, ACheckFailsOnTheWrongSide) {
  EXPECT_TRUE((SymmetryCheck{Symmetry::orthogonal, true, 1e-15, 1e-14}).passed());
  EXPECT_FALSE((SymmetryCheck{Symmetry::orthogonal, true, 1e-13, 1e-14}).passed());
  EXPECT_FALSE((SymmetryCheck{Symmetry::orthogonal, false, 1e-15, 1e-14}).passed());
  EXPECT_FALSE((SymmetryCheck{Symmetry::orthogonal, false, 5e-12, 1e-14}).passed());
  EXPECT_TRUE((SymmetryCheck{Symmetry::orthogonal, false, 1e-2, 1e-14}).passed());
}

}  // namespace
}  // namespace knowscale

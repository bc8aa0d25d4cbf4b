// SPDX-License-Identifier: BSD-3-Clause
// What tokens attend to, found on the device: the same vectors as on the host.
#include "models/attended.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cuda/mpi/device_problem.hpp"
#include "mpi/ranks.hpp"

namespace knowscale {
namespace {

template <class T>
std::vector<Attended> attended(const Case& c, const Communicator& comm, Knowledge knowledge) {
  KnowledgeShard<T> shard = load_knowledge<T>(c, comm);
  const Matrix<T> queries = load_queries<T>(c, comm);
  const Threads threads(1);
  const auto kept = keep(c, shard, knowledge);
  return most_attended<T>({c, shard, queries.view(), comm, threads}, model_by_name(c.model).structure, 5, c.tokens());
}

void expect_same(const std::vector<Attended>& found, const std::vector<Attended>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].token, expected[i].token);
    EXPECT_EQ(found[i].head, expected[i].head);
    EXPECT_EQ(found[i].place, expected[i].place);
    EXPECT_EQ(found[i].vector, expected[i].vector) << i;
    EXPECT_NEAR(found[i].weight, expected[i].weight, 1e-14) << i;
  }
}

template <class T>
class AttendedOnDevices : public testing::Test {};
using Types = testing::Types<float, Bf16, F16>;
TYPED_TEST_SUITE(AttendedOnDevices, Types);

TYPED_TEST(AttendedOnDevices, AreTheHostsAtEveryRankCount) {
  using T = TypeParam;
  for_rank_counts({1, 2, 3}, [](const Communicator& comm) {
    for (const char* model : {"knowledge", "joint", "equivariant", "transformer"}) {
      SCOPED_TRACE(model);
      Case c = small_case<T>(comm, model_by_name(model));
      c.sequence = Placement::sharded;
      c.kernel = "simd";
      const std::vector<Attended> expected = attended<T>(c, comm, Knowledge::copied);
      EXPECT_EQ(expected.size(), comm.is_root() ? static_cast<std::size_t>(c.tokens() * c.heads * 5) : 0U);
      c.kernel = "cuda";
      expect_same(attended<T>(c, comm, Knowledge::copied), expected);
      expect_same(attended<T>(c, comm, c.projected ? Knowledge::kept : Knowledge::kept_alone), expected);
    }
  });
}

TYPED_TEST(AttendedOnDevices, OfFewerVectorsThanRanksOrPlaces) {
  using T = TypeParam;
  for_rank_counts({3}, [](const Communicator& comm) {
    Case c = small_case<T>(comm, model_by_name("knowledge"));
    c.m = 2;
    const std::vector<Attended> expected = attended<T>(c, comm, Knowledge::copied);
    c.kernel = "cuda";
    expect_same(attended<T>(c, comm, Knowledge::copied), expected);
  });
}

}  // namespace
}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "study/choose.hpp"

#include <gtest/gtest.h>

#include "campaign/expand.hpp"

namespace knowscale {
namespace {

// A machine of 4 ranks: messages of that latency and bandwidth, of which compute hides that share.
Ceilings machine(double latency, double bandwidth, double overlap) {
  const int ranks = 4;
  const auto of = [](const char* name, double value) { return Ceiling{name, ranks, 1, value, ""}; };
  return Ceilings(std::vector<Ceiling>{of("fma_f32", 4e11), of("read", 1e11), of("merge", 4e11),
                                       of("allreduce_latency", 2 * latency), of("allreduce_bandwidth", bandwidth / 2),
                                       of("shift_latency", latency), of("shift_bandwidth", bandwidth),
                                       of("shift_overlap", overlap)});
}

Case some_case(const char* reduction) {
  Case c;
  c.model = "knowledge";
  c.reduction = reduction;
  c.n = 4096;
  c.m = 8192;
  c.scale = 0.125;
  c.ranks = 4;
  c.options = {};
  return c;
}

TEST(Choose, TakesTheReductionWhoseExchangeShouldBeShortest) {
  for (const auto& [latency, bandwidth] : {std::pair{1e-6, 1e10}, {1e-3, 1e12}, {1e-9, 1e8}}) {
    const Ceilings ceilings = machine(latency, bandwidth, 0);
    const Choice choice = choose(some_case("auto"), ceilings);
    for (const Reduction& reduction : reductions()) {
      const Choice other = choose(some_case(std::string(reduction.name).c_str()), ceilings);
      EXPECT_LE(choice.exchange_seconds, other.exchange_seconds) << reduction.name;
      if (choice.c.reduction == reduction.name) {
        EXPECT_EQ(choice.exchange_seconds, other.exchange_seconds);
      }
    }
    EXPECT_NE(choice.c.reduction, kAutomatic);
  }
}

TEST(Choose, CountsTheGatherThatAPlacementAsksFor) {
  Case c = some_case("all_to_all");
  const Ceilings ceilings = machine(1e-6, 1e9, 0);
  const double natural = choose(c, ceilings).exchange_seconds;
  c.options.placement = Placement::replicated;
  EXPECT_GT(choose(c, ceilings).exchange_seconds, natural);
}

TEST(Choose, CutsQueriesIntoTilesOnlyWhereThatHidesExchange) {
  Case c = some_case("two_phase");
  c.options.overlap = true;
  EXPECT_LT(choose(c, machine(1e-7, 2e9, 1)).c.options.query_tile, 4096);   // exchange is some, and can be hidden
  EXPECT_EQ(choose(c, machine(1e-7, 2e9, 0)).c.options.query_tile, 4096);   // the cores themselves copy
  EXPECT_EQ(choose(c, machine(1e-7, 1e13, 1)).c.options.query_tile, 4096);  // there is nothing to hide
  c.options.query_tile = 300;
  EXPECT_EQ(choose(c, machine(1e-7, 1e13, 1)).c.options.query_tile, 300);  // forced
}

TEST(Choose, LeavesAModelWithoutReductionAlone) {
  Case c = some_case("-");
  c.model = "lstm";
  const Choice choice = choose(c, machine(1e-6, 1e9, 0));
  EXPECT_EQ(choice.c.reduction, "-");
  EXPECT_EQ(choice.exchange_seconds, 0);
}

}  // namespace
}  // namespace knowscale

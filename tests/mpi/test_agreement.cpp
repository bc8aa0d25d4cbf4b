// SPDX-License-Identifier: BSD-3-Clause
// Ranks that were told different things do what rank 0 was told, or are refused alike.
#include <gtest/gtest.h>

#include <sched.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "campaign/plan.hpp"
#include "cli/agree.hpp"
#include "comm/agreement.hpp"
#include "ranks.hpp"

namespace knowscale {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "unset" : value;
}

// What every rank is refused with; empty where none is.
template <class Body>
std::string refusal(const Body& body) {
  try {
    body();
  } catch (const CollectiveError& error) {
    EXPECT_EQ(error.status(), ExitStatus::resource);
    return error.what();
  }
  return "";
}

TEST(Agreement, NamesTheLowestRankThatDiffersAndBothValues) {
  for_rank_counts([](const Communicator& comm) {
    const bool differs = comm.rank() > 0 && comm.rank() >= comm.size() / 2;
    const std::string message = refusal([&] {
      require_agreement(comm, {{"colour", "red"}, {"size", differs ? "9" : "4"}}, "paint it");
    });
    if (comm.size() == 1) {
      EXPECT_EQ(message, "");
      return;
    }
    const int lowest = std::max(comm.size() / 2, 1);
    EXPECT_EQ(message, "rank " + std::to_string(lowest) + " has another size than rank 0: 9 instead of 4: paint it");
    EXPECT_EQ(refusal([&] { require_agreement(comm, {{"colour", "red"}}, "paint it"); }), "");
  });
}

TEST(Agreement, ListsOfDifferentLengthsDiffer) {
  for_rank_counts({2, 3}, [](const Communicator& comm) {
    Facts facts = {{"a", "1"}, {"b", "2"}};
    if (comm.rank() == 1) facts.pop_back();
    EXPECT_NE(refusal([&] { require_agreement(comm, facts, "x"); }).find("rank 1 has another"), std::string::npos);
    facts = {{"a", "1"}};
    if (comm.rank() == 1) facts.emplace_back("b", "2");
    EXPECT_NE(refusal([&] { require_agreement(comm, facts, "x"); }).find("rank 1 has another"), std::string::npos);
  });
}

TEST(Agreement, VariablesOfRank0AreThoseOfAll) {
  for_rank_counts({2, 3}, [](const Communicator& comm) {
    if (comm.is_root()) setenv("KNOWSCALE_SEED", "7", 1);
    if (!comm.is_root()) setenv("KNOWSCALE_MAX_SECONDS", "nonsense", 1);
    agree_on_launch(comm, {"knowscale", "run", "a.toml"});
    EXPECT_EQ(variable("KNOWSCALE_SEED"), "7");
    EXPECT_EQ(variable("KNOWSCALE_MAX_SECONDS"), "unset");
    unsetenv("KNOWSCALE_SEED");
  });
}

TEST(Agreement, OtherCommandLinesAreRefusedButForThePathOfTheProgram) {
  for_rank_counts({2, 3}, [](const Communicator& comm) {
    const std::string program = comm.rank() == 0 ? "knowscale" : "/elsewhere/knowscale";
    EXPECT_EQ(refusal([&] { agree_on_launch(comm, {program, "run", "a.toml"}); }), "");
    const std::string file = comm.rank() == 1 ? "b.toml" : "a.toml";
    EXPECT_EQ(refusal([&] {
                agree_on_launch(comm, {program, "run", file});
              }),
              "rank 1 has another word 2 on its command line than rank 0: b.toml instead of a.toml: give all ranks one "
              "command line");
    std::vector<std::string> words = {program, "verify"};
    if (comm.rank() == 1) words.emplace_back("--kernel=blas");
    EXPECT_NE(refusal([&] { agree_on_launch(comm, words); }).find("command line"), std::string::npos);
  });
}

RunOptions options_of(const std::string& path) {
  RunOptions options;
  options.campaign_path = path;
  return options;
}

TEST(Plan, IsOfTheCampaignThatRank0Reads) {
  for_rank_counts({2, 3}, [](const Communicator& comm) {
    const std::string path = testing::TempDir() + "only_of_rank_0.toml";
    if (comm.is_root()) std::ofstream(path) << "[[study]]\nmodel = \"knowledge\"\nm = 500\nranks = 1\n";
    // Another rank has no such file.
    const Plan plan = make_plan(options_of(comm.is_root() ? path : "/nowhere/" + std::to_string(comm.rank())), comm);
    ASSERT_EQ(plan.cases.size(), 1U);
    EXPECT_EQ(plan.cases[0].m, 500);
  });
}

TEST(Plan, ThatRanksResolveDifferentlyIsRefused) {
  for_rank_counts({2, 3}, [](const Communicator& comm) {
    const std::string path = testing::TempDir() + "resolved_differently.toml";
    if (comm.is_root()) std::ofstream(path) << "[[study]]\nmodel = \"self\"\nranks = 1\n";
    RunOptions options = options_of(path);
    options.overrides = {comm.rank() == 1 ? "n=9" : "n=8"};
    EXPECT_NE(refusal([&] { make_plan(options, comm); }).find("rank 1 has another resolved campaign"),
              std::string::npos);
    options.overrides = {comm.rank() == 1 ? "n=8" : "n=[8,9]"};
    EXPECT_NE(refusal([&] { make_plan(options, comm); }).find("rank 1 has another number of cases"), std::string::npos);
  });
}

TEST(Plan, AllCoresOfARankAreThoseThatItMayUse) {
  for_rank_counts({1, 2, 3}, [](const Communicator& comm) {
    const std::string path = testing::TempDir() + "all_cores.toml";
    if (comm.is_root()) std::ofstream(path) << "[[study]]\nmodel = \"self\"\nranks = 1\nthreads = [0, 1]\n";
    cpu_set_t before, one;
    sched_getaffinity(0, sizeof(before), &before);
    CPU_ZERO(&one);
    int first = 0;
    while (!CPU_ISSET(first, &before)) ++first;
    CPU_SET(first, &one);
    // One rank is bound to one core: all mean one thread, whatever the others may use.
    if (comm.rank() == comm.size() - 1) sched_setaffinity(0, sizeof(one), &one);
    const Plan plan = make_plan(options_of(path), comm);
    sched_setaffinity(0, sizeof(before), &before);
    ASSERT_EQ(plan.cases.size(), 1U);
    EXPECT_EQ(plan.cases[0].threads, 1);
  });
}

}  // namespace
}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "cli/launch.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "core/error.hpp"

namespace knowscale {
namespace {

const char* const kAll[] = {
    "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMIX_RANK",   "PMI_SIZE", "PMI_RANK", "MV2_COMM_WORLD_SIZE",
    "MV2_COMM_WORLD_RANK",  "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"};

// Whether a process with these variables alone may be one of a world of that size.
bool fits(const std::map<std::string, std::string>& variables, int world_size) {
  for (const char* name : kAll) unsetenv(name);
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  bool fits = true;
  try {
    require_one_world(world_size, launch_rank(), launch_size());
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::resource);
    fits = false;
  }
  for (const char* name : kAll) unsetenv(name);
  return fits;
}

TEST(Launch, AWorldOfOneInALaunchOfSeveralIsNoticedForEveryLauncher) {
  for (const char* size : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    EXPECT_FALSE(fits({{size, "2"}}, 1)) << size;
    EXPECT_TRUE(fits({{size, "2"}}, 2)) << size;
    EXPECT_TRUE(fits({{size, "1"}}, 1)) << size;
  }
  EXPECT_FALSE(fits({{"PMIX_RANK", "1"}}, 1)) << "PMIx says no size";
  EXPECT_TRUE(fits({{"PMIX_RANK", "1"}}, 2));
  EXPECT_TRUE(fits({}, 1));
}

TEST(Launch, DaemonsOfSlurmUnderAnotherLauncherAreNoRanks) {
  EXPECT_TRUE(fits({{"OMPI_COMM_WORLD_SIZE", "8"}, {"SLURM_STEP_NUM_TASKS", "2"}}, 8));
  EXPECT_TRUE(fits({{"PMI_SIZE", "8"}, {"SLURM_STEP_NUM_TASKS", "2"}}, 8));
}

TEST(Launch, WhatIsNoNumberOfAnIntIsNoNumber) {
  for (const char* text : {"", "x", "2x", "4294967298", " 2"}) {
    EXPECT_TRUE(fits({{"PMI_SIZE", text}}, 1)) << text;
    EXPECT_TRUE(fits({{"PMI_RANK", text}}, 1)) << text;
  }
}

}  // namespace
}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "record/environment.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <map>

namespace knowscale {
namespace {

TEST(Environment, NamesTheMachineTheArgumentsAndTheVariablesThatDecideSpeed) {
  setenv("OMP_TEST_VARIABLE", "7", 1);
  setenv("UNRELATED_SECRET", "x", 1);
  std::map<std::string, std::string> pairs;
  for (const auto& [name, value] : environment({"knowscale", "run", "a.toml"})) pairs[name] = value;
  EXPECT_EQ(pairs["argv"], "knowscale run a.toml");
  EXPECT_FALSE(pairs["host"].empty());
  EXPECT_FALSE(pairs["cpu"].empty());
  EXPECT_EQ(pairs["start"].size(), std::string("2026-01-01T00:00:00Z").size());
  EXPECT_EQ(pairs["OMP_TEST_VARIABLE"], "7");
  EXPECT_FALSE(pairs.contains("UNRELATED_SECRET"));
}

TEST(Environment, VersionsNameEverythingLinked) {
  std::map<std::string, std::string> pairs;
  for (const auto& [name, value] : versions("Some MPI 1.0")) pairs[name] = value;
  EXPECT_EQ(pairs["mpi"], "Some MPI 1.0");
  EXPECT_TRUE(pairs["blas"].starts_with("OpenBLAS 0."));
  EXPECT_TRUE(pairs["hdf5"].starts_with("HDF5 1."));
  for (const char* name : {"knowscale", "revision", "compiler", "flags", "tbb", "highway"})
    EXPECT_FALSE(pairs[name].empty()) << name;
}

TEST(Environment, AffinityIsWrittenInRanges) {
  cpu_set_t before, one;
  sched_getaffinity(0, sizeof(before), &before);
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(affinity(), "0");
  sched_setaffinity(0, sizeof(before), &before);
  EXPECT_FALSE(affinity().empty());
}

}  // namespace
}  // namespace knowscale

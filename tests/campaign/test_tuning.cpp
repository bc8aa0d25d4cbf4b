// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/tuning.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "core/error.hpp"
#include "record/environment.hpp"

namespace knowscale {
namespace {

Tuning some_tuning() {
  const simd::Way usual = {false, true, 8192, 262144}, better = {true, false, 65536, 131072};
  return {"AuthenticAMD 25 1 1, AVX2, 32 KiB, 512 KiB",
          "1.0 abc",
          "now",
          {{Precision::bf16, 1, better, 0.9, "read", {{usual, 1, 1, 1}, {better, 1.25, 1.2, 1.3}}},
           {Precision::f64, 4, usual, 0.8, "FMA", {{usual, 1, 1, 1}}}}};
}

std::string refusal(const std::string& text) {
  try {
    parse_tuning(text, "t.toml");
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    return error.what();
  }
  return "";
}

std::string with(const std::string& old, const std::string& text) {
  std::string all = text_of(some_tuning());
  EXPECT_NE(all.find(old), std::string::npos) << old;
  return all.replace(all.find(old), old.size(), text);
}

TEST(Tuning, WhatIsWrittenIsRead) {
  const Tuning tuning = some_tuning(), read = parse_tuning(text_of(tuning), "t.toml");
  EXPECT_EQ(read.processor, tuning.processor);
  EXPECT_EQ(read.build, tuning.build);
  ASSERT_EQ(read.classes.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read.classes[i].precision, tuning.classes[i].precision);
    EXPECT_EQ(read.classes[i].rows, tuning.classes[i].rows);
    EXPECT_EQ(read.classes[i].way, tuning.classes[i].way);
  }
}

TEST(Tuning, SaysWhatEveryWayReached) {
  const std::string text = text_of(some_tuning());
  EXPECT_NE(text.find("#   1.250 [1.200, 1.300]  asks sparsely, queries in blocks, 64 KiB of keys and values"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("weights of 8 KiB, queries and sums of 256 KiB"), std::string::npos) << text;
}

TEST(Tuning, RefusesMistakesByPlaceAndRemedy) {
  EXPECT_EQ(refusal(with("key_bytes = 65536", "key_bytes = 0")),
            "t.toml:11: key_bytes = 0 in [[way]]: give a whole number of at least 1 and at most 1073741824");
  EXPECT_NE(refusal(with("precision = \"bf16\"", "precision = \"f8\""))
                .find("give \"f32\", \"f64\", \"bf16\", \"f16\", \"int8\" or"),
            std::string::npos);
  EXPECT_NE(refusal(with("sparsely = true\n", "")).find("t.toml:6: a [[way]] without sparsely"), std::string::npos);
  EXPECT_NE(refusal(with("in_lanes", "in_lane")).find("unknown key \"in_lane\" in [[way]]"), std::string::npos);
  EXPECT_NE(refusal("processor = \"a\"\nbuild = \"b\"\nway = 3\n").find("[[way]]"), std::string::npos);
  EXPECT_NE(refusal("processor = ").find("mend the TOML there"), std::string::npos);
}

TEST(Tuning, LiesInTheUsersCacheByProcessorAndBuild) {
  setenv("XDG_CACHE_HOME", "/somewhere", 1);
  unsetenv("KNOWSCALE_TUNING");
  const std::string path = tuning_path();
  EXPECT_TRUE(path.starts_with("/somewhere/knowscale/tuning-")) << path;
  EXPECT_TRUE(path.ends_with(".toml")) << path;
  EXPECT_EQ(path.find(' '), std::string::npos) << path;
  setenv("KNOWSCALE_TUNING", "mine.toml", 1);
  EXPECT_EQ(tuning_path(), "mine.toml");
  setenv("KNOWSCALE_TUNING", "none", 1);
  EXPECT_EQ(tuning_path(), "");
  setenv("KNOWSCALE_TUNING", "", 1);
  EXPECT_THROW(tuning_path(), Error);
  unsetenv("KNOWSCALE_TUNING");
  unsetenv("XDG_CACHE_HOME");
}

TEST(Tuning, EveryAlternativeIsAnotherOne) {
  for (const Precision precision : kPrecisions) {
    for (std::size_t rows = 0; rows < simd::kRowCounts.size(); ++rows) {
      const std::vector<simd::Way> ways = simd::alternatives(precision, rows);
      if (in_bytes(precision) && simd::kRowCounts[rows].least > 4) {
        EXPECT_EQ(ways.size(), 1U);  // copied, as f32
        continue;
      }
      EXPECT_GE(ways.size(), 5U);
      EXPECT_EQ(ways.front(), simd::ways_of_hardware().of(precision, simd::kRowCounts[rows].least));
      for (std::size_t i = 0; i < ways.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) EXPECT_FALSE(ways[i] == ways[j]) << i << ' ' << j;
      }
    }
  }
}

}  // namespace
}  // namespace knowscale

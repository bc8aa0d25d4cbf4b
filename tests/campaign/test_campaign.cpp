// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/campaign.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "core/error.hpp"

namespace knowscale {
namespace {

std::string write(const std::string& text) {
  const std::string path = testing::TempDir() + "campaign.toml";
  std::ofstream(path) << text;
  return path;
}

Campaign read(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return read_campaign(write(text), overrides);
}

using Values = std::vector<KeyValue>;

const std::string kSmall = "[[study]]\nmodel = \"knowledge\"\n";

std::string refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    read(text, overrides);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "one line";
    return error.what();
  }
  ADD_FAILURE() << "not refused: " << text;
  return "";
}

TEST(Campaign, HasDefaultsForAllButTheModel) {
  const Campaign campaign = read(kSmall);
  ASSERT_EQ(campaign.studies.size(), 1U);
  const Study& study = campaign.studies[0];
  EXPECT_EQ(study["knowledge"], Values{"gaussian"});
  EXPECT_EQ(study["kernel"], Values{"simd"});
  EXPECT_EQ(study["n"], Values{512});
  EXPECT_EQ(study["precision"], Values{"f32"});
  EXPECT_EQ(study["ranks"], Values{"powers"});
  EXPECT_EQ(study["scale"], Values{KeyValue()}) << "left open";
  EXPECT_EQ(campaign.timing.min_repetitions, 10);
  EXPECT_EQ(campaign.text, kSmall);
}

TEST(Campaign, ReadsScalarsAsListsOfOneAndListsInOrder) {
  const Campaign campaign = read(
      "seed = 9\n[timing]\nmax_seconds = 2\n[[study]]\nmodel = [\"lstm\", \"knowledge\"]\nn = [3, 1]\nm = [7, "
      "\"all\"]\n"
      "scale = 0.5\nranks = [1, 2]\nscaling = \"weak\"\nprecision = [\"f64\", \"f32\"]\n");
  const Study& study = campaign.studies[0];
  EXPECT_EQ(campaign.seed, 9U);
  EXPECT_EQ(campaign.timing.max_seconds, 2);
  EXPECT_EQ(study["model"], (Values{"lstm", "knowledge"}));
  EXPECT_EQ(study["n"], (Values{3, 1}));
  EXPECT_EQ(study["m"], (Values{7, "all"}));
  EXPECT_EQ(study["scale"], Values{0.5});
  EXPECT_EQ(study["ranks"], (Values{1, 2}));
  EXPECT_EQ(study["scaling"], Values{"weak"});
  EXPECT_EQ(study["precision"], (Values{"f64", "f32"}));
}

TEST(Campaign, RefusalsNameKeyValueAndRemedy) {
  const struct {
    std::string text, key, remedy;
  } table[] = {
      {"sede = 1\n" + kSmall, "campaign.toml:1: unknown key \"sede\"", "did you mean \"seed\"?"},
      {kSmall + "hedas = 2\n", "campaign.toml:3: unknown key \"hedas\"", "did you mean \"heads\"?"},
      {"ranks_a_device = 1\n" + kSmall, "campaign.toml:1: unknown key \"ranks_a_device\"",
       "it is called ranks_per_device now"},
      {"threads_a_core = 1\n" + kSmall, "unknown key \"threads_a_core\"", "it is called threads_per_core now"},
      {"[timing]\nrepetitions = 3\n" + kSmall, "unknown key \"repetitions\"", "min_repetitions"},
      {kSmall + "n = 0\n", "n = 0", "at least 1"},
      {kSmall + "n = -4\n", "n = -4", "at least 1"},
      {kSmall + "n = 1.5\n", "n = 1.5", "whole number"},
      {kSmall + "n = []\n", "n = []", "at least one"},
      {kSmall + "m = \"some\"\n", "m = ", "\"all\""},
      {kSmall + "m = -1\n", "m = -1", "at least 0"},
      {kSmall + "causal = 1\n", "causal = 1", "true or false"},
      {kSmall + "symmetry = \"yes\"\n", "symmetry = ", "true or false"},
      {kSmall + "sequence = \"natural\"\n", "sequence = ", "\"replicated\" or \"sharded\""},
      {kSmall + "lengths = \"some\"\n", "lengths = ", "\"equal\", \"random\" or \"sentences\""},
      {kSmall + "top_k = [1, 2]\n", "top_k = ", "not a list"},
      {kSmall + "precision = \"f8\"\n", "precision = ", "\"f32\", \"f64\", \"bf16\", \"f16\", \"int8\" or \"fp8\""},
      {kSmall + "scale = -1\n", "scale = -1", "above 0"},
      {kSmall + "scale = inf\n", "scale = inf", "above 0"},
      {kSmall + "scaling = \"both\"\n", "scaling = ", "\"weak\""},
      {kSmall + "ranks = \"all\"\n", "ranks = ", "\"powers\""},
      {kSmall + "ranks = [0]\n", "ranks = ", "at least 1"},
      {kSmall + "n = 99999999999999999999\n", "campaign.toml:3", "mend the TOML"},
      {"[timing]\nmax_seconds = 0\n" + kSmall, "max_seconds = 0", "above 0"},
      {"[timing]\nmin_repetitions = 0\n" + kSmall, "min_repetitions = 0", "at least 1"},
      {"[timing]\nrelative_interval = nan\n" + kSmall, "relative_interval = nan", "above 0"},
      {"timing = 3\n" + kSmall, "timing = 3", "[timing]"},
      {"seed = [1, 2]\n" + kSmall, "seed = ", "not a list"},
      {"name = \"a/b\"\n" + kSmall, "name = ", "without \"/\""},
      {"seed = 1\n", "no [[study]]", "add at least one"},
      {"", "no [[study]]", "add at least one"},
      {"[study]\nmodel = \"self\"\n", "campaign.toml:1: study = ", "list of tables"},
      {"study = 3\n", "study = 3", "list of tables"},
      {"study = [{model = \"self\"}, 3]\n", "campaign.toml:1: study = ", "list of tables"},
      {"study = []\n", "study = []", "list of tables"},
      {"[[timing]]\nmax_seconds = 1\n" + kSmall, "campaign.toml:1: timing = ", "one table: [timing]"},
      {"name = \"a\\nb\"\n" + kSmall, "name = ", "no control characters"},
      {"name = \"a\\u0000b\"\n" + kSmall, "name = ", "no control characters"},
      {"name = \"\"\n" + kSmall, "name = ", "1 to 4096 bytes"},
      {kSmall + "knowledge = \"a\\u0000b\"\n", "knowledge = ", "no control characters"},
      {"[[study]]\nn = 1\n", "has no model", "add model"},
      {"[[study]]\nname=\"a\"\nmodel=\"lstm\"\n[[study]]\nname=\"a\"\nmodel=\"lstm\"\n", "two studies are named \"a\"",
       "name them apart"},
      {"seed = \n", "campaign.toml:1", "mend the TOML"},
      {std::string("seed = 1\0\n", 10), "campaign.toml:1", "mend the TOML"},
      {"name = \"\xFF\"\n", "campaign.toml:1", "mend the TOML"},
  };
  for (const auto& row : table) {
    const std::string message = refusal(row.text);
    EXPECT_NE(message.find(row.key), std::string::npos) << message;
    EXPECT_NE(message.find(row.remedy), std::string::npos) << message;
  }
}

// Numbers that a type narrower than 64 bits would cut, or that make no sense, one beyond the last that is taken.
TEST(Campaign, NumbersBeyondTheirTypesOrSenseAreRefusedWithTheirRange) {
  const struct {
    std::string key, most, beyond;
  } table[] = {
      {"threads", "4096", "4097"},
      {"threads", "1", "4294967297"},
      {"node_size", "16777216", "16777217"},
      {"node_size", "1", "4294967296"},
      {"ranks", "16777216", "16777217"},
      {"ranks", "1", "4294967297"},
      {"key_block", "1048576", "1048577"},
      {"key_block", "1", "4611686018427387904"},
      {"query_block", "1048576", "1048577"},
      {"chunk", "1099511627776", "1099511627777"},
      {"query_tile", "1", "9223372036854775807"},
      {"n", "1099511627776", "1099511627777"},
      {"batch", "1", "9223372036854775807"},
      {"m", "1099511627776", "1099511627777"},
      {"d", "16777216", "16777217"},
      {"heads", "16777216", "16777217"},
      {"kv_heads", "16777216", "16777217"},
      {"hidden", "16777216", "16777217"},
      {"top_k", "1099511627776", "1099511627777"},
      {"scale", "1e300", "1e309"},
      {"scale", "2.3e-308", "1e-320"},
      {"scale", "1", "nan"},
      {"scale", "1", "-inf"},
  };
  for (const auto& row : table) {
    EXPECT_NO_THROW(read(kSmall + row.key + " = " + row.most + "\n")) << row.key;
    const std::string message = refusal(kSmall + row.key + " = " + row.beyond + "\n");
    EXPECT_NE(message.find("campaign.toml:3: "), std::string::npos) << message;
    if (row.beyond != "1e309") {
      EXPECT_NE(message.find(row.key + " = "), std::string::npos) << message;
      EXPECT_NE(message.find("at most"), std::string::npos) << message;
    }
  }
}

TEST(Campaign, NumbersOfTheTopAndOfTimingHaveRangesToo) {
  for (const char* line :
       {"ranks_per_device = 4294967297", "threads_per_core = 4097", "threads_per_core = 0", "max_cases = 0",
        "max_cases = 10000001", "seed = -1", "timing.max_seconds = 1e300", "timing.max_seconds = 1e-320",
        "timing.min_repetitions = 10001", "timing.relative_interval = 1e300"}) {
    EXPECT_NE(refusal(line + ("\n" + kSmall)).find("at most"), std::string::npos) << line;
  }
  EXPECT_NO_THROW(
      read("seed = 9223372036854775807\ntiming.max_seconds = 604800\ntiming.min_repetitions = 10000\n" + kSmall));
}

TEST(Campaign, WhatWouldTakeLongToParseIsRefusedBefore) {
  EXPECT_NE(refusal(kSmall + "# " + std::string(5'000'000, 'x')).find("4 MiB"), std::string::npos);
  EXPECT_NE(refusal(kSmall + "# " + std::string(1'000'000, 'x')).find("campaign.toml:3: a line of 1000002 bytes"),
            std::string::npos);
  std::string dots = "a";
  for (int i = 0; i < 500'000; ++i) dots += ".a";
  EXPECT_NE(refusal(dots + " = 1\n" + kSmall).find("a line of"), std::string::npos);
  EXPECT_NO_THROW(read(kSmall + "# " + std::string(8000, 'x')));
  std::string many;
  while (many.size() < 4'000'000) many += "# " + std::string(8000, 'x') + "\n";
  EXPECT_EQ(read(many + kSmall).studies.size(), 1U);
}

TEST(Campaign, ValuesInMessagesAreShortAndOnOneLine) {
  std::string list = kSmall + "n = [\n";
  for (int i = 0; i < 100'000; ++i) list += "1,\n";
  EXPECT_LT(refusal(list + "0]\n").size(), 400U);
  EXPECT_LT(refusal(std::string(8000, 'k') + " = 1\n" + kSmall).size(), 600U);
  EXPECT_LT(refusal(kSmall + "precision = \"a\\nb" + std::string(8000, 'x') + "\"\n").size(), 400U);
}

TEST(Campaign, AFileWithoutEndAndAFolderAreRefused) {
  for (const char* path : {"/dev/zero", "/", "/dev/null"}) {
    EXPECT_THROW(read_campaign(path, {}), Error) << path;
  }
}

TEST(Campaign, AMissingFileIsRefusedWithItsName) {
  try {
    read_campaign("/nowhere/x.toml", {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    EXPECT_NE(std::string(error.what()).find("/nowhere/x.toml"), std::string::npos);
  }
}

const std::string kTwo = "[[study]]\nname=\"a\"\nmodel=\"lstm\"\n[[study]]\nname=\"b\"\nmodel=\"lstm\"\n";

TEST(Overrides, ReachTopTimingAllStudiesAndOneStudy) {
  const Campaign campaign =
      read(kTwo, {"seed=5", "timing.max_seconds=0.5", "n=[1,2]", "b.n=7", "knowledge=some/file.h5"});
  EXPECT_EQ(campaign.seed, 5U);
  EXPECT_EQ(campaign.timing.max_seconds, 0.5);
  EXPECT_EQ(campaign.studies[0]["n"], (Values{1, 2}));
  EXPECT_EQ(campaign.studies[1]["n"], (Values{7}));
  EXPECT_EQ(campaign.studies[0]["knowledge"], (Values{"some/file.h5"}));
}

TEST(Overrides, AreValidatedLikeTheFile) {
  EXPECT_NE(refusal(kTwo, {"n=0"}).find("at least 1"), std::string::npos);
  EXPECT_NE(refusal(kTwo, {"nn=1"}).find("unknown key \"nn\""), std::string::npos);
  EXPECT_NE(refusal(kTwo, {"c.n=1"}).find("no study is named \"c\""), std::string::npos);
  EXPECT_NE(refusal(kTwo, {"n"}).find("key=value"), std::string::npos);
}

TEST(Overrides, BelowATimingThatIsNoTableOrStudiesThatAreNoneLeaveTheFileToBlame) {
  for (const char* timing : {"timing = 3\n", "[[timing]]\nmax_seconds = 1\n", "timing = [1]\n"}) {
    EXPECT_NE(refusal(timing + kSmall, {"timing.max_seconds=1"}).find("campaign.toml:1: timing = "), std::string::npos);
    setenv("KNOWSCALE_MAX_SECONDS", "1", 1);
    EXPECT_NE(refusal(timing + kSmall).find("campaign.toml:1: timing = "), std::string::npos);
    unsetenv("KNOWSCALE_MAX_SECONDS");
  }
  for (const char* studies : {"study = 3\n", "[study]\nmodel = \"self\"\n", "study = [1]\n", "study = []\n", ""}) {
    EXPECT_NE(refusal(studies, {"n=1"}).find("study"), std::string::npos);
    EXPECT_EQ(refusal(studies, {"n=1"}).find("--set"), std::string::npos) << "the file is to blame";
  }
}

TEST(Overrides, ReachAStudyByItsDefaultNameAndByOneWithDots) {
  const std::string text = "[[study]]\nmodel=\"self\"\n[[study]]\nname=\"v1.2\"\nmodel=\"self\"\n";
  const Campaign campaign = read(text, {"study1.n=3", "v1.2.n=4"});
  EXPECT_EQ(campaign.studies[0]["n"], (Values{3}));
  EXPECT_EQ(campaign.studies[1]["n"], (Values{4}));
}

TEST(Overrides, AreToBlameForTheirOwnValues) {
  EXPECT_TRUE(refusal(kTwo, {"threads=many"}).starts_with("--set threads=many: threads = "))
      << refusal(kTwo, {"threads=many"});
  EXPECT_TRUE(refusal(kTwo, {"n=1\nm=2"}).starts_with("--set n=1\\nm=2: n = "));
  for (const char* value : {"", "many", "4294967297", "-1"}) {
    setenv("KNOWSCALE_THREADS", value, 1);
    EXPECT_TRUE(refusal(kTwo).starts_with("KNOWSCALE_THREADS: ")) << refusal(kTwo);
  }
  unsetenv("KNOWSCALE_THREADS");
  setenv("KNOWSCALE_SEED", "", 1);
  EXPECT_NE(refusal(kTwo).find("KNOWSCALE_SEED: the variable is empty"), std::string::npos);
  unsetenv("KNOWSCALE_SEED");
}

TEST(Overrides, TheEnvironmentIsBetweenFileAndCommandLine) {
  setenv("KNOWSCALE_SEED", "11", 1);
  EXPECT_EQ(read("seed = 2\n" + kTwo).seed, 11U);
  EXPECT_EQ(read("seed = 2\n" + kTwo, {"seed=3"}).seed, 3U);
  unsetenv("KNOWSCALE_SEED");
  EXPECT_EQ(read("seed = 2\n" + kTwo).seed, 2U);
}

}  // namespace
}  // namespace knowscale

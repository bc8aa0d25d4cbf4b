// SPDX-License-Identifier: BSD-3-Clause
#include "study/campaign.hpp"

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
  EXPECT_EQ(study.knowledge, std::vector<std::string>{"gaussian"});
  EXPECT_EQ(study.kernel, std::vector<std::string>{"simd"});
  EXPECT_EQ(study.n, std::vector<std::int64_t>{512});
  EXPECT_EQ(study.precision, std::vector<Precision>{Precision::f32});
  EXPECT_FALSE(study.ranks.has_value());
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
  EXPECT_EQ(study.model, (std::vector<std::string>{"lstm", "knowledge"}));
  EXPECT_EQ(study.n, (std::vector<std::int64_t>{3, 1}));
  EXPECT_EQ(std::get<std::int64_t>(study.m[0]), 7);
  EXPECT_TRUE(std::holds_alternative<AllVectors>(study.m[1]));
  EXPECT_EQ(study.scale, std::vector<double>{0.5});
  EXPECT_EQ(study.ranks, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(study.scaling, Scaling::weak);
  EXPECT_EQ(study.precision, (std::vector<Precision>{Precision::f64, Precision::f32}));
}

TEST(Campaign, RefusalsNameKeyValueAndRemedy) {
  const struct {
    std::string text, key, remedy;
  } table[] = {
      {"sede = 1\n" + kSmall, "campaign.toml:1: unknown key \"sede\"", "did you mean \"seed\"?"},
      {kSmall + "hedas = 2\n", "campaign.toml:3: unknown key \"hedas\"", "did you mean \"heads\"?"},
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
      {kSmall + "precision = \"f8\"\n", "precision = ", "\"f32\", \"f64\", \"bf16\" or \"f16\""},
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
  EXPECT_EQ(campaign.studies[0].n, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(campaign.studies[1].n, std::vector<std::int64_t>{7});
  EXPECT_EQ(campaign.studies[0].knowledge, std::vector<std::string>{"some/file.h5"});
}

TEST(Overrides, AreValidatedLikeTheFile) {
  EXPECT_NE(refusal(kTwo, {"n=0"}).find("at least 1"), std::string::npos);
  EXPECT_NE(refusal(kTwo, {"nn=1"}).find("unknown key \"nn\""), std::string::npos);
  EXPECT_NE(refusal(kTwo, {"c.n=1"}).find("no study is named \"c\""), std::string::npos);
  EXPECT_NE(refusal(kTwo, {"n"}).find("key=value"), std::string::npos);
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

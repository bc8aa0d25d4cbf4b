// SPDX-License-Identifier: BSD-3-Clause
#include "cli/options.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.hpp"

namespace knowscale {
namespace {

Options parse(std::vector<std::string> words) {
  words.insert(words.begin(), "knowscale");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return parse_options(static_cast<int>(words.size()), argv.data());
}

TEST(Options, OfRun) {
  const Options options =
      parse({"run", "a.toml", "--set", "n=[1,2]", "--set", "seed=3", "-o", "x.h5", "--ranks", "1,2,4", "--keep-io"});
  EXPECT_EQ(options.command, Command::run);
  EXPECT_EQ(options.run.campaign_path, "a.toml");
  EXPECT_EQ(options.run.overrides, (std::vector<std::string>{"n=[1,2]", "seed=3"}));
  EXPECT_EQ(options.run.output, "x.h5");
  EXPECT_EQ(options.run.ranks, (std::vector<std::int64_t>{1, 2, 4}));
  EXPECT_TRUE(options.run.keep_io);
  EXPECT_FALSE(options.run.dry_run);
  EXPECT_EQ(options.run.argv.size(), 12U);
}

TEST(Options, TheEnvironmentStandsInForOutputAndRanks) {
  setenv("KNOWSCALE_OUTPUT", "env.h5", 1);
  setenv("KNOWSCALE_RANKS", "2,3", 1);
  EXPECT_EQ(parse({"run", "a.toml"}).run.output, "env.h5");
  EXPECT_EQ(parse({"run", "a.toml"}).run.ranks, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(parse({"run", "a.toml", "-o", "x.h5"}).run.output, "x.h5");
  EXPECT_EQ(parse({"run", "--", "-a.toml"}).run.ranks, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(parse({"run", "--ranks", "4", "a.toml"}).run.ranks, (std::vector<std::int64_t>{4}));
  unsetenv("KNOWSCALE_OUTPUT");
  unsetenv("KNOWSCALE_RANKS");
  EXPECT_FALSE(parse({"run", "a.toml"}).run.ranks.has_value());
}

std::string refusal(const std::vector<std::string>& words) {
  try {
    parse(words);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    return error.what();
  }
  return "";
}

TEST(Options, AVariableIsToBlameForItsOwnValue) {
  for (const char* name : {"KNOWSCALE_OUTPUT", "KNOWSCALE_RANKS", "KNOWSCALE_WATCHDOG"}) {
    setenv(name, "", 1);
    EXPECT_EQ(refusal({"run", "a.toml"}), std::string(name) + ": the variable is empty: give it a value, or unset it");
    EXPECT_EQ(refusal({"list"}), "") << "which has no use for it";
    unsetenv(name);
  }
  setenv("KNOWSCALE_WATCHDOG", "soon", 1);
  EXPECT_NE(refusal({"run", "a.toml"}).find("(from KNOWSCALE_WATCHDOG)"), std::string::npos)
      << refusal({"run", "a.toml"});
  EXPECT_EQ(refusal({"run", "a.toml", "--watchdog", "soon"}).find("KNOWSCALE"), std::string::npos);
  unsetenv("KNOWSCALE_WATCHDOG");
}

TEST(Options, OfTheOtherCommands) {
  EXPECT_EQ(parse({"verify", "--threads", "2"}).verify.threads, 2);
  EXPECT_EQ(parse({"ceilings", "--seconds", "0.1"}).ceilings.seconds, 0.1);
  EXPECT_EQ(parse({"info", "f.h5"}).file, "f.h5");
  EXPECT_EQ(parse({"list"}).command, Command::list);
  EXPECT_EQ(parse({"--version"}).command, Command::version);
}

TEST(Options, HelpIsAValueAndNamesStatusesVariablesAndExamples) {
  const Options options = parse({"--help"});
  EXPECT_EQ(options.command, Command::help);
  for (const char* word : {"75 interrupted", "KNOWSCALE_RANKS", "mpirun -n 2 knowscale run", "verify"}) {
    EXPECT_NE(options.help_text.find(word), std::string::npos) << word;
  }
  EXPECT_NE(parse({"run", "--help"}).help_text.find("--keep-io"), std::string::npos);
}

TEST(Options, MistakesAreOneLineThatNamesTheWord) {
  const struct {
    std::vector<std::string> words;
    const char* named;
  } table[] = {{{}, "no command"},
               {{"rnu"}, "rnu"},
               {{"run"}, "campaign"},
               {{"run", "a.toml", "--rnaks", "1"}, "--rnaks"},
               {{"run", "a.toml", "--ranks", "two"}, "two"},
               {{"verify", "--threads", "0"}, "threads"},
               {{"verify", "--threads", "4294967297"}, "threads"},
               {{"ceilings", "--threads", "1000000"}, "threads"},
               {{"ceilings", "--seconds", "nan"}, "seconds"},
               {{"ceilings", "--seconds", "1e300"}, "seconds"},
               {{"run", "a.toml", "--watchdog", "nan"}, "watchdog"},
               {{"run", "a.toml", "--watchdog", "inf"}, "watchdog"},
               {{"run", "a.toml", "--watchdog", "1e10"}, "watchdog"},
               {{"run", "a.toml", "--top-k", "0"}, "top-k"},
               {{"run", "a.toml", "--top-k", "9223372036854775807"}, "top-k"},
               {{"run", "a.toml", "--ranks", "99999999999999999999"}, "ranks"},
               {{"verify", "--seed=-1"}, "seed"},
               {{"verify", "--seed=18446744073709551616"}, "seed"},
               {{"info"}, "file"}};
  for (const auto& row : table) {
    try {
      parse(row.words);
      FAIL() << row.named;
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_EQ(error.status(), ExitStatus::usage);
      EXPECT_NE(message.find(row.named), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace knowscale

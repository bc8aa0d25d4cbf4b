// SPDX-License-Identifier: BSD-3-Clause
#include "cli/options.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "campaign/limits.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace knowscale {
namespace {

constexpr const char* kFooter = R"(
Examples
  mpirun -n 2 knowscale run bench/campaigns/quickstart.toml
  mpirun -n 8 knowscale run my.toml --set m=[4096,65536] --set timing.max_seconds=2 -o out.h5
  srun --mpi=pmix knowscale run bench/campaigns/strong.toml --ranks 1,2,4,8
  mpirun -n 4 knowscale verify
  mpirun -n 8 knowscale tune
  srun -n 64 --mpi=pmix knowscale verify --ranks 64 --kernel simd --precision f32,bf16

Environment (the command line wins over it, it wins over the campaign file)
  KNOWSCALE_OUTPUT, KNOWSCALE_RANKS, KNOWSCALE_SEED, KNOWSCALE_THREADS, KNOWSCALE_MAX_SECONDS,
  KNOWSCALE_MIN_REPETITIONS, KNOWSCALE_RELATIVE_INTERVAL, KNOWSCALE_WATCHDOG
  KNOWSCALE_TUNING: the file of tune that run takes, or none

Exit status, the same on every rank
  0 valid   1 verification or measurement invalid   2 usage or campaign error
  3 resource or environment error   75 interrupted: the same command resumes
  SIGUSR1, which mpirun hands on to its ranks, ends a run with 75; stopped by SIGTERM or Ctrl-C, mpirun itself ends them
  at once and has a status of its own (Open MPI 4.1: 1). What is finished is kept either way.
  A run goes on when stdout or stderr is closed or full; where stdout is all that a command makes, it ends with 3.
  A reader that leaves (| head) changes nothing, though Open MPI's mpirun ends itself with 1 once it has written to such a
  pipe some ten times.
)";

constexpr double kMostWatchdogSeconds = 365 * 24 * 3600.0;  // of what a clock's ticks hold

// One of a range; CLI11's own let NaN pass.
CLI::Validator number_from(double least, double most) {
  const std::string range = fmt::format("{} to {}", least, most);
  return CLI::Validator(
      [=](const std::string& text) {
        double value = 0;
        const bool within = CLI::detail::lexical_cast(text, value) && value >= least && value <= most;
        return within ? std::string() : fmt::format("{} is no number from {}", text, range);
      },
      "in " + range);
}

// CLI11's own cut what is beyond 64 bits.
CLI::Validator number_from(WholeNumbers numbers) {
  const std::string range = fmt::format("{} to {}", numbers.least, numbers.most);
  return CLI::Validator(
      [=](const std::string& text) {
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool within =
            error == std::errc() && end == text.data() + text.size() && value >= numbers.least && value <= numbers.most;
        return within ? std::string() : fmt::format("{} is no whole number from {}", text, range);
      },
      "in " + range);
}

// Threads are asked for by number here, without the campaign's threads_per_core.
CLI::Validator threads_of_this_machine() {
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return number_from({1, std::min<std::int64_t>(kDefaultThreadsPerCore * std::max(cores, 1L), kThreadCounts.most)});
}

// Variables that stand for an option of `run`.
constexpr std::array<std::array<const char*, 2>, 3> kVariables = {
    {{"KNOWSCALE_OUTPUT", "--output"}, {"KNOWSCALE_RANKS", "--ranks"}, {"KNOWSCALE_WATCHDOG", "--watchdog"}}};

void require_variables_filled() {
  for (const auto& [variable, option] : kVariables) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value != '\0') continue;
    throw CommandLineError(fmt::format("{}: the variable is empty: give it a value, or unset it", variable), true);
  }
}

bool is_given(const std::string& option, const std::vector<std::string>& argv) {
  return std::any_of(argv.begin(), argv.end(), [&](const std::string& word) {
    return word == option || word.starts_with(option + "=") || (option == "--output" && word.starts_with("-o"));
  });
}

// The command line, the last word first as CLI11 wants it, with what variables say as options of `run`. Left to CLI11
// itself (envname, which stays for the help), 2.4 checks a list as if it were one number, and what is wrong is as good
// as not said.
std::vector<std::string> words_of(const std::vector<std::string>& argv) {
  std::vector<std::string> words(argv.begin() + (argv.empty() ? 0 : 1), argv.end());
  for (const auto& [variable, option] : kVariables) {
    const char* value = std::getenv(variable);
    if (words.empty() || words.front() != "run" || value == nullptr || *value == '\0' || is_given(option, argv))
      continue;
    words.insert(std::find(words.begin(), words.end(), "--"), fmt::format("{}={}", option, value));
  }
  std::reverse(words.begin(), words.end());
  return words;
}

// " (from KNOWSCALE_RANKS)" where a mistake is of an option that the command line does not give, but a variable.
std::string blamed_variable(const std::string& message, const std::vector<std::string>& argv) {
  for (const auto& [variable, option] : kVariables) {
    if (std::getenv(variable) != nullptr && !is_given(option, argv) && message.find(option) != std::string::npos)
      return fmt::format(" (from {})", variable);
  }
  return "";
}

void add_run(CLI::App& app, Options& options, std::vector<std::int64_t>& ranks) {
  CLI::App* run =
      app.add_subcommand("run", "Measure a campaign: time and verify every case, and write the result file");
  run->add_option("campaign", options.run.campaign_path, "Campaign file (TOML)")
      ->required()
      ->type_name("CAMPAIGN.toml");
  run->add_option("--set", options.run.overrides,
                  "Change a key: seed=2, timing.max_seconds=1, m=[1024], or strong.m=[1024] in one study")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  run->add_option("-o,--output", options.run.output, "Result file (default: results/<campaign name>.h5)")
      ->type_name("FILE.h5")
      ->envname("KNOWSCALE_OUTPUT");
  run->add_option("--ranks", ranks, "Rank counts in place of the campaign's, e.g. 1,2,4")
      ->type_name("P,...")
      ->delimiter(',')
      ->allow_extra_args(false)  // what follows may be the campaign
      ->check(number_from(kRankCounts))
      ->envname("KNOWSCALE_RANKS");
  run->add_option("--reduction", options.run.reduction,
                  "Reduction in place of the campaign's; auto: the one of which the cost model expects most")
      ->type_name("NAME");
  run->add_option("--top-k", options.run.top_k,
                  "Record the K knowledge vectors that each token attends to most, with weights, in /attended")
      ->type_name("K")
      ->check(number_from(kCounts));
  run->add_option("--watchdog", options.run.watchdog_seconds,
                  "Seconds after which a repetition ends the program, because a rank is dead or stopped; once one has "
                  "ended, 20 times the longest, at least 60; 0: never")
      ->type_name("SECONDS")
      ->check(number_from(0, kMostWatchdogSeconds))
      ->envname("KNOWSCALE_WATCHDOG")
      ->capture_default_str();
  run->add_flag("--count-messages", options.run.count_messages,
                "Count what every case really sends and hold the cost model's formulas against it");
  run->add_flag("--dry-run", options.run.dry_run, "Validate and list the cases, measure nothing");
  run->add_flag("--keep-io", options.run.keep_io,
                "Keep inputs and output of every case in /io, for checking with numpy");
  run->callback([&options] { options.command = Command::run; });
}

void add_verify(CLI::App& app, Options& options, std::vector<std::int64_t>& ranks) {
  CLI::App* verify =
      app.add_subcommand("verify", "Check every model, kernel, reduction and symmetry on small hard problems");
  verify->add_option("--ranks", ranks, "Rank counts (default: 1,2,3,4,5,7,8 as far as launched, and all)")
      ->type_name("P,...")
      ->delimiter(',');
  verify->add_option("--threads", options.verify.threads, "Threads per rank")
      ->check(threads_of_this_machine())
      ->capture_default_str();
  const auto add_names = [&](const char* option, std::vector<std::string>& names, const char* help) {
    verify->add_option(option, names, help)->type_name("NAME,...")->delimiter(',');
  };
  add_names("--model", options.verify.models, "These models alone (default: all; likewise below)");
  add_names("--kernel", options.verify.kernels, "These kernels alone, and the models that take one");
  add_names("--reduction", options.verify.reductions, "These reductions alone, and the models that have one");
  add_names("--precision", options.verify.precisions, "These precisions alone");
  verify->add_option("--seed", options.verify.seed, "Seed of data and rotations")
      ->check(number_from(kSeeds))
      ->capture_default_str();
  verify->callback([&options] { options.command = Command::verify; });
}

void add_others(CLI::App& app, Options& options) {
  CLI::App* ceilings = app.add_subcommand("ceilings", "Measure what this machine can do at best");
  ceilings->add_option("--threads", options.ceilings.threads, "Threads per rank")
      ->check(threads_of_this_machine())
      ->capture_default_str();
  ceilings->add_option("--seconds", options.ceilings.seconds, "Seconds for each rate")
      ->check(number_from(0.001, 3600))
      ->capture_default_str();
  ceilings->callback([&options] { options.command = Command::ceilings; });
  CLI::App* tune = app.add_subcommand(
      "tune", "Measure what kernel simd likes best on this machine, and keep it for runs; one rank for each core");
  tune->add_option("--seconds", options.tune.seconds, "Seconds in all, about")
      ->check(number_from(0.1, 3600))
      ->capture_default_str();
  tune->add_option(
          "-o,--output", options.tune.output,
          "File (default: KNOWSCALE_TUNING, or by processor and build in the user's cache, where run finds it)")
      ->type_name("FILE.toml");
  tune->callback([&options] { options.command = Command::tune; });
  CLI::App* info = app.add_subcommand("info", "Describe a result file or a knowledge-set file");
  info->add_option("file", options.file, "Result or knowledge-set file")->required()->type_name("FILE.h5");
  info->callback([&options] { options.command = Command::info; });
  CLI::App* list =
      app.add_subcommand("list", "List models, kernels, reductions, precisions and generators of this build");
  list->require_subcommand(0, 1);
  list->callback([&options] { options.command = Command::list; });
  list->add_subcommand("keys", "List what a campaign may say: keys, their defaults, what they mean and take")
      ->callback([&options] { options.list_keys = true; });
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  options.run.argv.assign(argv, argv + argc);
  std::vector<std::int64_t> run_ranks, verify_ranks;
  CLI::App app("knowscale: how exact attention over a knowledge set, sharded across MPI ranks, scales", "knowscale");
  app.footer(kFooter);
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(34);
  bool version = false;
  app.add_flag("--version", version, "Print the versions of everything linked");
  add_run(app, options, run_ranks);
  add_verify(app, options, verify_ranks);
  add_others(app, options);
  try {
    app.parse(words_of(options.run.argv));
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    options.command = Command::help;
    options.help_text = chosen.empty() ? app.help() : chosen.front()->help();
    return options;
  } catch (const CLI::ParseError& error) {
    const auto chosen = app.get_subcommands();
    const std::string name = chosen.empty() ? "" : chosen.front()->get_name();
    throw CommandLineError(
        one_line(error.what(), 600) + blamed_variable(error.what(), options.run.argv) + ": see knowscale --help",
        name == "run" || name == "verify" || name == "ceilings" || name == "tune");
  }
  if (options.command == Command::run) require_variables_filled();
  if (version) {
    options.command = Command::version;
  } else {
    if (app.get_subcommands().empty()) {
      throw CommandLineError("no command: use run, verify, tune, ceilings, info or list; see knowscale --help", false);
    }
  }
  if (!run_ranks.empty()) options.run.ranks = run_ranks;
  if (!verify_ranks.empty()) options.verify.ranks = verify_ranks;
  return options;
}

}  // namespace knowscale

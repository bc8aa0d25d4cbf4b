// SPDX-License-Identifier: BSD-3-Clause
// Kernels for devices, each checked and then timed beside what else computes the same, in one table on stdout.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bench.hpp"
#include "core/error.hpp"
#include "kernels/cuda/cuda.hpp"
#include "table.hpp"

namespace knowscale::cuda::bench {
namespace {

constexpr const char* kUsage =
    "bench_cuda: kernels for devices, checked against f64 and timed.\n\n"
    "  bench_cuda [--list] [--filter TEXT] [--quick] [--seconds S]\n\n"
    "  --list          the names of the groups, and nothing else\n"
    "  --filter TEXT   groups whose name contains TEXT\n"
    "  --quick         small sizes\n"
    "  --seconds S     of timing for each kernel (0.4)\n\n"
    "One table on stdout, progress on stderr. Exit status: 0 all verified, 1 something wrong, 2 usage, 3 no device.\n";

struct CommandLine {
  Options options;
  bool list = false, help = false;
  std::string filter;
};

CommandLine parse(int argc, char** argv) {
  CommandLine line;
  bool seconds_given = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&]() -> const char* {
      require(i + 1 < argc, ExitStatus::usage, std::string(argument) + " wants a value");
      return argv[++i];
    };
    if (argument == "--list")
      line.list = true;
    else if (argument == "-h" || argument == "--help")
      line.help = true;
    else if (argument == "--quick")
      line.options.quick = true;
    else if (argument == "--filter")
      line.filter = value();
    else if (argument == "--seconds")
      line.options.seconds = std::atof(value()), seconds_given = true;
    else
      throw Error(ExitStatus::usage, "unknown option " + std::string(argument) + ": see --help");
  }
  if (line.options.quick && !seconds_given) line.options.seconds = 0;
  return line;
}

std::vector<Group> chosen_groups(const CommandLine& line) {
  std::vector<Group> chosen;
  for (const auto& groups : {attention_groups, shard_groups, lstm_groups}) {
    for (Group& group : groups(line.options)) {
      if (group.name.find(line.filter) != std::string::npos) chosen.push_back(std::move(group));
    }
  }
  require(!chosen.empty(), ExitStatus::usage, "no group has \"" + line.filter + "\" in its name: see --list");
  return chosen;
}

// How many groups failed or were wrong.
int run_all(const std::vector<Group>& groups, const Bench& bench) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  int wrong = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const double spent = std::chrono::duration<double>(Clock::now() - start).count();
    const auto left = static_cast<double>(groups.size() - i);
    std::fprintf(stderr, "bench_cuda: %zu/%zu %s", i + 1, groups.size(), groups[i].name.c_str());
    if (i > 0) std::fprintf(stderr, ", %.0f s left", spent / static_cast<double>(i) * left);
    std::fprintf(stderr, "\n");
    try {
      bool valid = true;
      for (const Row& row : groups[i].run(bench)) {
        print_row(row, bench.rates);
        valid = valid && row.valid();
      }
      wrong += valid ? 0 : 1;
    } catch (const Error& error) {
      std::printf("%s failed: %s\n", groups[i].name.c_str(), error.what());
      ++wrong;
    }
    std::fflush(stdout);
  }
  return wrong;
}

int main_of(const CommandLine& line) {
  if (line.help) return std::fputs(kUsage, stdout) < 0 ? 1 : 0;
  const std::vector<Group> groups = chosen_groups(line);
  if (line.list) {
    for (const Group& group : groups) std::printf("%s\n", group.name.c_str());
    return 0;
  }
  if (device_count() == 0) {
    std::printf("skipped: no device\n");
    return static_cast<int>(ExitStatus::resource);
  }
  const Device device = use_device(0);
  std::fprintf(stderr, "bench_cuda: measuring what %s can do\n", device.name.c_str());
  const DeviceRates rates = measure_device_rates(line.options.seconds);
  print_heading(device, rates);
  RankDevice& in_use = RankDevice::in_use();
  const auto lock = in_use.enter();
  const int wrong = run_all(groups, {in_use, rates, line.options});
  std::printf("bench_cuda: %s groups=%zu wrong=%d\n", wrong == 0 ? "VALID" : "INVALID", groups.size(), wrong);
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace knowscale::cuda::bench

int main(int argc, char** argv) {
  try {
    return knowscale::cuda::bench::main_of(knowscale::cuda::bench::parse(argc, argv));
  } catch (const knowscale::Error& error) {
    std::fprintf(stderr, "bench_cuda: error: %s\n", error.what());
    return static_cast<int>(error.status());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_cuda: error: %s\n", error.what());
    return 1;
  }
}

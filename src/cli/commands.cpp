// SPDX-License-Identifier: BSD-3-Clause
#include "cli/commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "comm/device_collectives.hpp"
#include "comm/reduction.hpp"
#include "kernels/threads.hpp"
#include "record/console.hpp"
#include "record/environment.hpp"
#include "study/ceilings.hpp"
#include "study/devices.hpp"
#include "study/plan.hpp"

namespace knowscale {
namespace {

ExitStatus print_ceilings(const Options& options, const Communicator& world) {
  Ceilings ceilings(options.ceilings.seconds);
  ceilings.measure(world, Threads(options.ceilings.threads));
  if (world.allreduce(cuda::device_count(), Combine::minimum) > 0) {
    ceilings.measure_devices(world, choose_device(world, world.size()).device);
  }
  if (!world.is_root()) return ExitStatus::valid;
  fmt::print("{:<20}  {:>5}  {:>7}  {}\n", "ceiling", "ranks", "threads", "value");
  for (const Ceiling& ceiling : ceilings.all()) {
    fmt::print("{:<20}  {:>5}  {:>7}  {}\n", ceiling.name, ceiling.ranks, ceiling.threads,
               with_prefix(ceiling.value, ceiling.units));
  }
  return ExitStatus::valid;
}

void print_list() {
  const KnownNames names = known_names();
  std::vector<std::string> precisions;
  for (const Precision precision : kPrecisions) precisions.emplace_back(name_of(precision));
  const auto line = [](const char* what, const std::vector<std::string>& all) {
    fmt::print("{:<12}{}\n", what, fmt::join(all, " "));
  };
  line("models", names_of(names.models));
  line("kernels", names_of(names.kernels));
  line("reductions", names_of(names.reductions));
  line("precisions", precisions);
  line("generators", names.generators);
  if (names.without_devices) {
    fmt::print("{:<12}none: {}\n", "devices", names.without_devices->what());
  } else {
    for (int i = 0; i < cuda::device_count(); ++i) {
      const cuda::Device device = cuda::use_device(i);
      fmt::print("{:<12}{} at {}, {:.0f} GiB\n", i == 0 ? "devices" : "", device.name, device.bus,
                 static_cast<double>(device.memory) / (1 << 30));
    }
  }
}

}  // namespace

bool needs_mpi(const Options& options) {
  return options.command == Command::run || options.command == Command::verify || options.command == Command::ceilings;
}

ExitStatus execute(const Options& options, const Communicator& world) {
  switch (options.command) {
    case Command::run: return run_campaign(options.run, world);
    case Command::verify: return verify_all(options.verify, world);
    default: return print_ceilings(options, world);
  }
}

ExitStatus execute_alone(const Options& options) {
  switch (options.command) {
    case Command::version:
      for (const auto& [name, value] : versions(exchange_versions())) fmt::print("{:<10}{}\n", name, value);
      break;
    case Command::info: fmt::print("{}", describe_file(options.file)); break;
    case Command::list: print_list(); break;
    default: fmt::print("{}", options.help_text); break;
  }
  return ExitStatus::valid;
}

}  // namespace knowscale

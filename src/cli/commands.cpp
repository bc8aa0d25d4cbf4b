// SPDX-License-Identifier: BSD-3-Clause
#include "cli/commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <cstring>

#include "campaign/campaign.hpp"
#include "campaign/plan.hpp"
#include "comm/device_collectives.hpp"
#include "comm/reduction.hpp"
#include "core/streams.hpp"
#include "kernels/threads.hpp"
#include "record/console.hpp"
#include "record/environment.hpp"
#include "study/ceilings.hpp"
#include "study/devices.hpp"

namespace knowscale {
namespace {

ExitStatus print_ceilings(const Options& options, const Communicator& world) {
  Ceilings ceilings(options.ceilings.seconds);
  ceilings.measure(world, Threads(options.ceilings.threads));
  if (world.allreduce(device_count(), Combine::minimum) > 0) {
    ceilings.measure_devices(world, choose_device(world, world.size()).device);
  }
  if (!world.is_root()) return ExitStatus::valid;
  print_out(fmt::format("{:<20}  {:>5}  {:>7}  {}\n", "ceiling", "ranks", "threads", "value"));
  for (const Ceiling& ceiling : ceilings.all()) {
    print_out(fmt::format("{:<20}  {:>5}  {:>7}  {}\n", ceiling.name, ceiling.ranks, ceiling.threads,
                          with_prefix(ceiling.value, ceiling.units)));
  }
  return ExitStatus::valid;
}

void print_list() {
  const KnownNames names = known_names();
  const auto line = [](const char* what, const std::vector<std::string>& all) {
    print_out(fmt::format("{:<12}{}\n", what, fmt::join(all, " ")));
  };
  line("models", names_of(names.models));
  line("kernels", names_of(names.kernels));
  line("reductions", names_of(names.reductions));
  line("precisions", names.precisions);
  line("generators", names.generators);
  if (names.without_devices) {
    print_out(fmt::format("{:<12}none: {}\n", "devices", names.without_devices->what()));
  } else {
    for (int i = 0; i < device_count(); ++i) {
      const Device device = engine_of_devices()->devices->use(i);
      print_out(fmt::format("{:<12}{} at {}, {:.0f} GiB\n", i == 0 ? "devices" : "", device.name, device.bus,
                            static_cast<double>(device.memory) / (1 << 30)));
    }
  }
}

std::string shown(const Key& key) {
  const std::string value = text_of(key.otherwise);
  if (value.empty()) return std::string(key.open);
  if (std::holds_alternative<Flag>(key.kind)) return value == "yes" ? "true" : "false";
  return std::holds_alternative<std::string>(key.otherwise) ? '"' + value + '"' : value;
}

void print_key(const Key& key) {
  print_out(fmt::format("  {:<18}{:<44}{}\n{:<64}{}{}\n", key.name, shown(key), key.meaning, "",
                        text_of(key.kind, key.word), key.many ? ", or a list of them" : ""));
}

void print_keys() {
  const auto print_settings = [](std::string_view table) {
    for (const SettingKey& key : setting_keys()) {
      if (key.table == table) print_key(key);
    }
  };
  print_out(fmt::format("  {:<18}{:<44}{}\n", "key", "where nothing is said", "what it means, and takes"));
  print_out("At the top of a campaign:\n");
  print_settings("");
  print_out("In the table [timing]:\n");
  print_settings("timing");
  print_out("In each [[study]], where every value of a list makes cases of its own:\n");
  print_key(study_name_key());
  for (const CaseKey& key : case_keys()) print_key(key);
}

// What a command's status becomes once stdout has taken its text or not. A reader that went away has what it wanted,
// and a result file has all that is said of it; any other text is what the command is for.
ExitStatus after_output(const Options& options, ExitStatus status) {
  const int error = output_error();
  if (error == 0 || error == EPIPE) return status;
  const bool recorded = options.command == Command::run && !options.run.dry_run;
  print_err(fmt::format("knowscale: {}: stdout cannot be written: {}: {}\n", recorded ? "warning" : "error",
                        std::strerror(error),
                        recorded ? "the result file has all that is measured" : "give a terminal, a pipe or a file"));
  return recorded || status != ExitStatus::valid ? status : ExitStatus::resource;
}

}  // namespace

bool needs_mpi(const Options& options) {
  return options.command == Command::run || options.command == Command::verify ||
         options.command == Command::ceilings || options.command == Command::tune;
}

ExitStatus execute(const Options& options, const Communicator& world) {
  const auto run = [&] {
    switch (options.command) {
      case Command::run: return run_campaign(options.run, world);
      case Command::verify: return verify_all(options.verify, world);
      case Command::tune: return tune(options.tune, world);
      default: return print_ceilings(options, world);
    }
  };
  int status = static_cast<int>(run());
  if (world.is_root()) status = static_cast<int>(after_output(options, static_cast<ExitStatus>(status)));
  world.broadcast(std::span<int>(&status, 1));
  return static_cast<ExitStatus>(status);
}

ExitStatus execute_alone(const Options& options) {
  switch (options.command) {
    case Command::version:
      for (const auto& [name, value] : versions(exchange_versions())) {
        print_out(fmt::format("{:<10}{}\n", name, value));
      }
      break;
    case Command::info: print_out(describe_file(options.file)); break;
    case Command::list: options.list_keys ? print_keys() : print_list(); break;
    default: print_out(options.help_text); break;
  }
  return after_output(options, ExitStatus::valid);
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "cli/agree.hpp"

#include <fmt/ranges.h>

#include <array>
#include <bit>
#include <clocale>
#include <cstdlib>
#include <locale>

#include "comm/agreement.hpp"
#include "comm/device_collectives.hpp"
#include "record/digest.hpp"
#include "record/environment.hpp"
#include "record/store.hpp"

extern char** environ;

namespace knowscale {
namespace {

// All that is linked, but for those whose text names what a node has: nodes may differ, results say so.
Facts build_facts() {
  Facts facts;
  for (const auto& [name, value] : versions(exchange_versions())) {
    if (name == "blas" || name == "highway" || name == "cuda") continue;
    facts.emplace_back("build (" + name + ")", value);
  }
  facts.emplace_back("build (digest of the program)", program_digest());
  facts.emplace_back("result schema", std::to_string(kSchemaVersion));
  facts.emplace_back("byte order", std::endian::native == std::endian::little ? "little" : "big");
  facts.emplace_back("locale", std::string(std::setlocale(LC_ALL, nullptr)) + " " + std::locale().name());
  return facts;
}

std::vector<std::string> variables() {
  std::vector<std::string> found;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (text.starts_with("KNOWSCALE_")) found.push_back(text);
  }
  return found;
}

void take_over_variables(const Communicator& world) {
  std::vector<std::string> of_root = variables();
  world.broadcast(of_root);
  if (world.is_root()) return;
  for (const std::string& own : variables()) unsetenv(own.substr(0, own.find('=')).c_str());
  for (const std::string& text : of_root) {
    const std::size_t equals = text.find('=');
    setenv(text.substr(0, equals).c_str(), text.substr(equals + 1).c_str(), 1);
  }
}

}  // namespace

void agree_on_launch(const Communicator& world, const std::vector<std::string>& argv) {
  require_agreement(world, build_facts(), "start one build on all ranks");
  Facts words = {{"number of words on its command line", std::to_string(argv.size())}};
  for (std::size_t i = 1; i < argv.size(); ++i)
    words.emplace_back(fmt::format("word {} on its command line", i), argv[i]);
  require_agreement(world, words, "give all ranks one command line");
  take_over_variables(world);
}

}  // namespace knowscale

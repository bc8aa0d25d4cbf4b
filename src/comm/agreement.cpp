// SPDX-License-Identifier: BSD-3-Clause
#include "comm/agreement.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace knowscale {
namespace {

Facts facts_of_root(const Communicator& comm, const Facts& mine) {
  std::vector<std::string> words;
  for (const auto& [name, value] : mine) {
    words.push_back(name);
    words.push_back(value);
  }
  comm.broadcast(words);
  Facts facts;
  for (std::size_t i = 0; i < words.size(); i += 2) facts.emplace_back(words[i], words[i + 1]);
  return facts;
}

}  // namespace

//   rank 0 [a, b, c]  --broadcast-->  every rank compares with its own  --together-->  all go on, or all throw
void require_agreement(const Communicator& comm, const Facts& mine, const std::string& remedy) {
  const Facts of_root = facts_of_root(comm, mine);
  const auto fact = [](const Facts& facts, std::size_t i) {
    return i < facts.size() ? facts[i] : Facts::value_type("end of the list", "nothing more");
  };
  comm.together([&] {
    for (std::size_t i = 0; i < std::max(mine.size(), of_root.size()); ++i) {
      const auto here = fact(mine, i), there = fact(of_root, i);
      const std::string name = here.first == there.first ? here.first : here.first + " or " + there.first;
      require(here == there, ExitStatus::resource,
              "rank " + std::to_string(comm.rank()) + " has another " + one_line(name) +
                  " than rank 0: " + one_line(here.second) + " instead of " + one_line(there.second) + ": " + remedy);
    }
  });
}

}  // namespace knowscale

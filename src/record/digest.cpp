// SPDX-License-Identifier: BSD-3-Clause
#include "record/digest.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <fstream>
#include <memory>
#include <vector>

#include "core/error.hpp"

namespace knowscale {

std::string file_digest(const std::string& path) {
  constexpr std::size_t kBlock = std::size_t{4} << 20;
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), XXH3_freeState);
  XXH3_128bits_reset(state.get());
  std::ifstream file(path, std::ios::binary);
  std::vector<char> block(kBlock);
  while (file) {
    file.read(block.data(), kBlock);
    XXH3_128bits_update(state.get(), block.data(), static_cast<std::size_t>(file.gcount()));
  }
  require(file.eof(), ExitStatus::resource, path + ": cannot be read to its end: look at its rights, or copy it again");
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string program_digest() {
  try {
    return file_digest("/proc/self/exe");
  } catch (const Error&) {
    return "";
  }
}

}  // namespace knowscale

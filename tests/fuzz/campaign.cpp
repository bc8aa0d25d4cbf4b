// SPDX-License-Identifier: BSD-3-Clause
// libFuzzer's target for the campaign parser: whatever the bytes, a campaign is read or refused with one line.
//   cmake -B build/fuzz -DCMAKE_CXX_COMPILER=clang++ -DKNOWSCALE_FUZZERS=ON
//   cmake --build build/fuzz --target knowscale_fuzz_campaign
//   build/fuzz/tests/knowscale_fuzz_campaign -dict=tests/fuzz/campaign.dict CORPUS bench/campaigns
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "campaign/campaign.hpp"
#include "core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  // The first line is a change of the command line, too.
  const std::size_t line = text.find('\n');
  try {
    knowscale::parse_campaign("fuzz.toml", text, {});
    if (line != std::string::npos && line > 0) {
      knowscale::parse_campaign("fuzz.toml", text.substr(line + 1), {text.substr(0, line)});
    }
  } catch (const knowscale::Error& error) {
    if (error.status() != knowscale::ExitStatus::usage) std::abort();
    if (std::string(error.what()).find('\n') != std::string::npos) std::abort();
  }
  return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// The campaign parser on thousands of campaigns that were spoiled at random from fixed seeds: each is read or refused
// with one line. tests/fuzz/ holds the open-ended form.
#include <gtest/gtest.h>

#include <random>

#include "campaign/campaign.hpp"
#include "core/error.hpp"

namespace knowscale {
namespace {

const std::string kWhole = R"(name = "t"
seed = 7
timing = {max_seconds = 0.05, min_repetitions = 3}
[[study]]
name = 'v1.2'
model = ["knowledge", "lstm"]
n = [8, 16]
m = [64, "all"]
ranks = "powers"
scale = 0.5
overlap = [true, false]
[[study]]
model = "self"
threads = [0, 1]
)";

const std::vector<std::string> kPieces = {"[timing]\n",
                                          "[[timing]]\n",
                                          "[[study]]\n",
                                          "[study]\n",
                                          "timing = 3\n",
                                          "study = [1]\n",
                                          "a.b.c = 1\n",
                                          "\"\"\"",
                                          "'''",
                                          "[[",
                                          "]",
                                          "{",
                                          "}",
                                          "=",
                                          ".",
                                          ",",
                                          "#",
                                          "\"",
                                          "\\u0000",
                                          "\xFF",
                                          "\xEF\xBB\xBF",
                                          "\r\n",
                                          "9223372036854775807",
                                          "99999999999999999999",
                                          "-1",
                                          "1e309",
                                          "nan",
                                          "inf",
                                          "1979-05-27",
                                          "true",
                                          "\"all\"",
                                          std::string(1, '\0'),
                                          std::string(300, '['),
                                          std::string(2000, 'x'),
                                          "n = 1\n",
                                          "name = \"a\\nb\"\n",
                                          "scale = 5e-324\n"};

const std::vector<std::string> kChanges = {
    "n=1",       "seed=2",   "timing.max_seconds=1", "v1.2.m=[32]", "study2.d=8", "threads=",
    "m=[1,\n2]", "n=1\nd=2", "top_k=[[[1]]",         "scale=1e300", "timing.x=1", "a.b.c=1"};

class Mutations {
 public:
  explicit Mutations(std::uint64_t seed) : random_(seed) {}

  std::string spoil(std::string text) {
    for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
      const std::size_t at = below(text.size() + 1), length = below(std::min<std::size_t>(text.size() - at, 20) + 1);
      switch (below(4)) {
        case 0: text.erase(at, length); break;
        case 1: text.insert(at, kPieces[below(kPieces.size())]); break;
        case 2: text.insert(below(text.size() + 1), text.substr(at, length)); break;
        default:
          if (at < text.size()) text[at] = static_cast<char>(below(256));
      }
    }
    return text;
  }
  std::size_t below(std::size_t end) { return random_() % end; }

 private:
  std::mt19937_64 random_;
};

TEST(CampaignMutations, AreReadOrRefusedWithOneLine) {
  ASSERT_NO_THROW(parse_campaign("t.toml", kWhole, {}));
  std::size_t read = 0, refused = 0;
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    Mutations mutations(seed);
    const std::string text = mutations.spoil(kWhole);
    const std::vector<std::string> changes = {kChanges[mutations.below(kChanges.size())]};
    for (const std::vector<std::string>& with : {std::vector<std::string>{}, changes}) {
      try {
        EXPECT_FALSE(parse_campaign("t.toml", text, with).studies.empty()) << "seed " << seed;
        ++read;
      } catch (const Error& error) {
        const std::string message = error.what();
        EXPECT_EQ(error.status(), ExitStatus::usage) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
        EXPECT_LT(message.size(), 2000U) << message;
        ++refused;
      }
    }
  }
  EXPECT_GT(read, 100U);
  EXPECT_GT(refused, 500U);
}

}  // namespace
}  // namespace knowscale

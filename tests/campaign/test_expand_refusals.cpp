// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include "campaign/small_study.hpp"

namespace knowscale {
namespace {

std::vector<KeyValue> from_1_to(std::int64_t last) {
  std::vector<KeyValue> numbers;
  for (std::int64_t i = 1; i <= last; ++i) numbers.emplace_back(i);
  return numbers;
}

TEST(Expand, TooManyCasesAreCountedAndRefusedWithoutMakingThem) {
  Study s = small_study();
  s["n"] = s["batch"] = s["query_block"] = s["key_block"] = from_1_to(32);
  EXPECT_NE(refusal(s).find("stands for 1048576 cases, and max_cases = 10000"), std::string::npos) << refusal(s);
  s["threads"] = from_1_to(32);  // too many for the machine, but that is not the first to be said
  EXPECT_NE(refusal(s).find("stands for 33554432 cases"), std::string::npos) << refusal(s);
  s["scale"].clear();
  for (int i = 1; i <= 32; ++i) s["scale"].emplace_back(double(i));
  EXPECT_NE(refusal(s).find("stands for 1073741824 cases"), std::string::npos) << refusal(s);
  // Far beyond 64 bits.
  s["heads"] = s["kv_heads"] = s["d"] = s["query_tile"] = s["n"] = s["batch"] = s["query_block"] = s["key_block"] =
      from_1_to(5000);
  EXPECT_NE(refusal(s).find("cases, and max_cases"), std::string::npos) << refusal(s);
}

TEST(Expand, TheLimitOfCasesCanBeRaised) {
  Campaign campaign;
  campaign.studies = {small_study(), small_study()};
  for (Study& s : campaign.studies) s["n"] = from_1_to(6000);
  EXPECT_THROW(expand(campaign, four_ranks()), Error) << "12000 in all";
  campaign.max_cases = 12000;
  EXPECT_EQ(expand(campaign, four_ranks()).size(), 12000U);
}

TEST(Expand, ListsThatAModelDoesNotUseCostNothing) {
  Study s = small_study();
  s["model"] = {"lstm", "linear"};
  s["heads"] = s["kv_heads"] = {1};
  s["query_tile"] = s["query_block"] = s["key_block"] = s["node_size"] = s["chunk"] = from_1_to(5000);
  s["n"] = std::vector<KeyValue>(100'000, std::int64_t{8});
  EXPECT_EQ(cases_of(s).size(), 2U);
  s["model"] = {"knowledge"};
  s["query_tile"] = s["query_block"] = s["key_block"] = {KeyValue()};
  EXPECT_EQ(cases_of(s).size(), 1U) << "packed heeds neither chunk nor node_size";
}

// The count is what expansion comes to, for every model at once.
TEST(Expand, CountsWhatItMakes) {
  Study s = small_study();
  for (const Model& model : known_names().models) s["model"].emplace_back(std::string(model.name));
  s["kernel"] = {"reference", "simd"};
  s["reduction"] = {"packed", "ring", "reproducible", "hierarchical"};
  s["knowledge"] = {"gaussian", "sphere", "set.h5"};
  s["heads"] = {2, 4};
  s["hidden"] = {3, 4, 5};
  s["scale"] = {0.5, 0.25};
  s["query_block"] = {16, 32, 64};
  s["query_tile"] = {1, 2};
  s["chunk"] = {8, 16};
  s["node_size"] = {1, 2};
  s["ranks"] = {1, 2, 2};
  s["m"] = {64, 100};
  Campaign campaign;
  campaign.studies = {s};
  campaign.max_cases = 1'000'000;
  const std::size_t made = expand(campaign, four_ranks()).size();
  campaign.max_cases = static_cast<std::int64_t>(made);
  EXPECT_NO_THROW(expand(campaign, four_ranks()));
  campaign.max_cases = static_cast<std::int64_t>(made) - 1;
  EXPECT_THROW(expand(campaign, four_ranks()), Error);
}

TEST(Expand, ThreadsFarBeyondTheMachineMustBeAskedFor) {
  ExpansionContext c = four_ranks();
  c.machine_cores = 2;
  Campaign campaign;
  campaign.studies = {small_study()};
  campaign.studies[0]["threads"] = {8};
  EXPECT_EQ(expand(campaign, c)[0].threads, 8);
  campaign.studies[0]["threads"] = {9};
  try {
    expand(campaign, c);
    FAIL() << "not refused";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what())
                  .find("threads = 9 on a machine with 2 cores: use at most 8, or ask for more with "
                        "threads_per_core = 5"),
              std::string::npos)
        << error.what();
  }
  campaign.threads_per_core = 5;
  EXPECT_EQ(expand(campaign, c)[0].threads, 9);
}

TEST(Expand, ScalesAreRefusedWhereThePrecisionCannotHoldThem) {
  Study s = small_study();
  const auto is_taken = [&](Precision precision, double scale) {
    s["kernel"] = {"simd"};
    s["precision"] = {std::string(name_of(precision))};
    s["scale"] = {scale};
    try {
      return cases_of(s).size() == 1;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("scale = "), std::string::npos);
      return false;
    }
  };
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::f16}) {
    EXPECT_TRUE(is_taken(precision, 1e20));
    EXPECT_TRUE(is_taken(precision, 2e38));
    EXPECT_FALSE(is_taken(precision, 3e38)) << "not times log2 e";
    EXPECT_FALSE(is_taken(precision, 1e300));
    EXPECT_TRUE(is_taken(precision, 1.2e-38));
    EXPECT_FALSE(is_taken(precision, 1e-38)) << "subnormal";
  }
  EXPECT_TRUE(is_taken(Precision::f64, 1e300));
  EXPECT_TRUE(is_taken(Precision::f64, 1e-300));
  EXPECT_FALSE(is_taken(Precision::f64, 1.7e308)) << "not times log2 e";
}

TEST(Expand, RefusalsNameValueAndRemedy) {
  const struct {
    const char* what;
    void (*change)(Study&);
    const char* words;
  } table[] = {
      {"model", [](Study& s) { s["model"] = {"knowlegde"}; }, "did you mean \"knowledge\"?"},
      {"kernel", [](Study& s) { s["kernel"] = {"sind"}; },
       "unknown kernel \"sind\": did you mean \"simd\"? use one of reference, blas, simd"},
      {"reduction", [](Study& s) { s["reduction"] = {"rung"}; }, "unknown reduction \"rung\": did you mean \"ring\"?"},
      {"heads", [](Study& s) { s["heads"] = {3}; }, "heads = 3 do not divide d = 64"},
      {"more heads than d", [](Study& s) { s["heads"] = {128}; }, "heads = 128 do not divide d = 64"},
      {"kv_heads",
       [](Study& s) {
         s["heads"] = {4};
         s["kv_heads"] = {3};
       },
       "kv_heads = 3 do not divide heads = 4"},
      {"ranks", [](Study& s) { s["ranks"] = {8}; }, "ranks = 8, but 4 are launched: use mpirun -n 8"},
      {"m of a file",
       [](Study& s) {
         s["knowledge"] = {"set.h5"};
         s["m"] = {1001};
       },
       "m = 1001, but found/set.h5 holds 1000"},
      {"d of a file",
       [](Study& s) {
         s["knowledge"] = {"set.h5"};
         s["d"] = {97};
       },
       "d = 97, but vectors of found/set.h5 have 96"},
      {"all of a generator", [](Study& s) { s["m"] = {"all"}; }, "m = \"all\" of the generator gaussian"},
      {"all, weak",
       [](Study& s) {
         s["knowledge"] = {"set.h5"};
         s["m"] = {"all"};
         s["scaling"] = {"weak"};
       },
       "weak scaling"},
      {"m of none", [](Study& s) { s["m"] = {0}; }, "m = 0, but model \"knowledge\" reads the knowledge"},
      {"m of no moments",
       [](Study& s) {
         s["model"] = {"moment"};
         s["m"] = {0};
       },
       "m = 0, but model \"moment\" reads the knowledge"},
      {"causal knowledge", [](Study& s) { s["causal"] = {"yes"}; },
       "causal = true, but model \"knowledge\" has no tokens"},
      {"causal linear",
       [](Study& s) {
         s["model"] = {"self", "linear"};
         s["causal"] = {"yes"};
       },
       "causal = true, but model \"linear\" has no tokens"},
      {"a sequence on more ranks than tokens",
       [](Study& s) {
         s["n"] = {3};
         s["sequence"] = {"sharded"};
         s["ranks"] = {4};
       },
       "with 3 tokens in all on 4 ranks: use at most 3 ranks"},
      {"sentences of none", [](Study& s) { s["lengths"] = {"sentences"}; }, "gaussian has no sentences"},
      {"more attended than there are", [](Study& s) { s["top_k"] = {101}; },
       "top_k = 101, but the knowledge has m = 100"},
      {"numbers that f16 does not hold",
       [](Study& s) {
         s["knowledge"] = {"large_scores"};
         s["kernel"] = {"simd"};
         s["precision"] = {"f16"};
       },
       "large_scores has numbers beyond 65504"},
      {"m overflows", [](Study& s) { s["m"] = {std::int64_t{1} << 58}; }, "overflows 64 bits"},
      {"weak m overflows",
       [](Study& s) {
         s["m"] = {std::int64_t{1} << 62};
         s["scaling"] = {"weak"};
         s["ranks"] = {4};
       },
       "overflows 64 bits"},
      {"scores of a thread",
       [](Study& s) {
         s["n"] = {1 << 20};
         s["m"] = {1 << 20};
         s["query_block"] = s["key_block"] = {1 << 20};
       },
       "query_block = 1048576 and key_block = 1048576 are 1099511627776 scores"},
      {"most attended overflow",
       [](Study& s) {
         s["n"] = {std::int64_t{1} << 40};
         s["m"] = {std::int64_t{1} << 40};
         s["top_k"] = {std::int64_t{1} << 40};
       },
       "overflows 64 bits"},
      {"gates overflow",
       [](Study& s) {
         s["model"] = {"lstm"};
         s["n"] = {std::int64_t{1} << 40};
         s["d"] = {1};
         s["hidden"] = {1 << 24};
       },
       "overflows 64 bits"},
      {"n overflows",
       [](Study& s) {
         s["n"] = {std::int64_t{1} << 40};
         s["batch"] = {std::int64_t{1} << 30};
       },
       "overflows 64 bits"},
  };
  for (const auto& row : table) {
    Study s = small_study();
    row.change(s);
    const std::string message = refusal(s);
    EXPECT_NE(message.find(row.words), std::string::npos) << row.what << ": " << message;
    EXPECT_NE(message.find("study \"s\""), std::string::npos);
  }
}

}  // namespace
}  // namespace knowscale

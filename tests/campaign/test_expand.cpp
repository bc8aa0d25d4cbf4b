// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/expand.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "campaign/plan.hpp"
#include "core/error.hpp"
#include "kernels/engine.hpp"
#include "models/cost.hpp"

namespace knowscale {
namespace {

ExpansionContext context() {
  ExpansionContext context;
  context.names = known_names();
  context.launched_ranks = 4;
  context.cores_per_rank = 3;
  context.open_knowledge = [](const std::string& path) { return KnowledgeExtent{"found/" + path, 1000, 96, 0}; };
  return context;
}

Study study() {
  Study s = parse_campaign("s.toml", "[[study]]\nname = \"s\"\nmodel = \"knowledge\"\n", {}).studies[0];
  s["kernel"] = {"blas"};
  s["n"] = {8};
  s["m"] = {100};
  s["chunk"] = {64};
  s["ranks"] = {1};
  return s;
}

std::vector<Case> cases_of(const Study& s, const ExpansionContext& c = context()) {
  Campaign campaign;
  campaign.studies = {s};
  return expand(campaign, c);
}

std::string refusal(const Study& s) {
  try {
    cases_of(s);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    return error.what();
  }
  ADD_FAILURE() << "not refused";
  return "";
}

TEST(Expand, IsTheProductOfTheListsNumberedWithRanksInnermost) {
  Study s = study();
  s["kernel"] = {"reference", "blas"};
  s["reduction"] = {"packed", "two_phase"};
  s["m"] = {10, 20};
  s["ranks"] = {1, 2};
  const std::vector<Case> cases = cases_of(s);
  ASSERT_EQ(cases.size(), 16U);
  for (std::size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(cases[i].number, static_cast<std::int64_t>(i) + 1);
  EXPECT_EQ(cases[0].ranks, 1);
  EXPECT_EQ(cases[1].ranks, 2);
  EXPECT_EQ(cases[2].m, 20);
  EXPECT_EQ(cases[4].reduction, "two_phase");
  EXPECT_EQ(cases[8].kernel, "blas");
}

TEST(Expand, WhatAModelDoesNotUseDoesNotMultiplyItsCases) {
  Study s = study();
  s["model"] = {"lstm"};
  s["kernel"] = {"reference", "blas"};
  s["reduction"] = {"packed", "two_phase"};
  s["heads"] = {1, 2};
  s["scale"] = {0.1, 0.2};
  const std::vector<Case> cases = cases_of(s);
  ASSERT_EQ(cases.size(), 1U);
  EXPECT_EQ(cases[0].kernel, kUnused);
  EXPECT_EQ(cases[0].reduction, kUnused);
  EXPECT_EQ(cases[0].heads, 0);
  EXPECT_EQ(cases[0].hidden, 64) << "the width, unless the campaign says otherwise";
}

// An LSTM runs on the host or on the device, one way each.
double only_in_f32(const AttentionInput<float>&, MatrixView<float>, const Threads&) { return 0; }
const Engine& with_devices() {
  static const Devices devices = {};
  static const Engine engine = {.name = "with devices", .devices = &devices};
  return engine;
}

// As if this build had kernels of devices, and this machine a device.
void add_devices(ExpansionContext& c) {
  c.names.without_devices.reset();
  for (const char* name : {"cublas", "cuda"}) {
    Kernel kernel = kernel_by_name("reference");
    kernel.name = name;
    kernel.compute = only_in_f32;
    kernel.widest_head = std::string_view(name) == "cuda" ? 256 : 0;
    kernel.engine = with_devices;
    c.names.kernels.push_back(kernel);
  }
}

TEST(Expand, SaysWhyThereAreNoKernelsOfDevices) {
  ExpansionContext c = context();
  Study s = study();
  s["kernel"] = {"cuda"};
  for (const ExitStatus status : {ExitStatus::usage, ExitStatus::resource}) {
    c.names.without_devices = Error(status, "there is none");
    try {
      cases_of(s, c);
      FAIL() << "not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), status);
      EXPECT_NE(std::string(error.what()).find("kernel \"cuda\": there is none"), std::string::npos) << error.what();
    }
  }
  add_devices(c);
  EXPECT_NO_THROW(cases_of(s, c));
}

TEST(Expand, TransportIsHeededWhereStatesOfDevicesAreMergedThere) {
  ExpansionContext c = context();
  add_devices(c);
  Study s = study();
  s["model"] = {"knowledge"};
  s["kernel"] = {"simd", "cuda"};
  s["reduction"] = {"two_phase"};
  s["transport"] = {"host", "nccl"};
  std::vector<std::pair<std::string, Transport>> found;
  for (const Case& one : cases_of(s, c)) {
    if (one.ranks == 1) found.emplace_back(one.kernel, one.options.transport);
  }
  const std::vector<std::pair<std::string, Transport>> expected = {
      {"simd", Transport::host}, {"cuda", Transport::host}, {"cuda", Transport::nccl}};
  EXPECT_EQ(found, expected);
  s["overlap"] = {"yes"};
  EXPECT_THROW(cases_of(s, c), Error) << "collectives over device memory block";
  s["overlap"] = {"no"};
  s["reduction"] = {"packed"};
  EXPECT_THROW(cases_of(s, c), Error) << "merges on the host";
  s["kernel"] = {"simd"};
  EXPECT_NO_THROW(cases_of(s, c));
}

TEST(Expand, HeadsWiderThanTheFusedKernelsAreRefused) {
  ExpansionContext c = context();
  add_devices(c);
  Study s = study();
  s["model"] = {"knowledge"};
  s["kernel"] = {"cuda"};
  s["d"] = {514};
  s["heads"] = s["kv_heads"] = {2};
  EXPECT_THROW(cases_of(s, c), Error);
  s["d"] = {512};
  EXPECT_NO_THROW(cases_of(s, c));
}

TEST(Expand, TellsKernelsOfDevicesFromOthersForAnLstm) {
  ExpansionContext c = context();
  add_devices(c);
  Study s = study();
  s["model"] = {"lstm"};
  s["precision"] = {"f32", "f64"};
  s["kernel"] = {"simd", "blas", "cublas", "cuda"};
  const std::vector<Case> both = cases_of(s, c);
  ASSERT_EQ(both.size(), 4U);
  for (std::size_t i = 0; i < both.size(); ++i) {
    EXPECT_EQ(both[i].kernel, i < 2 ? kUnused : "cuda");
    EXPECT_EQ(both[i].precision, i % 2 == 0 ? Precision::f32 : Precision::f64);
    EXPECT_EQ(both[i].reduction, kUnused);
  }
  s["kernel"] = {"cublas"};
  ASSERT_EQ(cases_of(s, c).size(), 2U);
  EXPECT_EQ(cases_of(s, c)[0].kernel, "cuda");
  s["model"] = {"linear"};  // has no softmax, and runs on the host alone
  s["precision"] = {"f32"};
  s["kernel"] = {"simd", "cuda"};
  ASSERT_EQ(cases_of(s, c).size(), 1U);
  EXPECT_EQ(cases_of(s, c)[0].kernel, kUnused);
}

std::vector<KeyValue> from_1_to(std::int64_t last) {
  std::vector<KeyValue> numbers;
  for (std::int64_t i = 1; i <= last; ++i) numbers.emplace_back(i);
  return numbers;
}

TEST(Expand, TooManyCasesAreCountedAndRefusedWithoutMakingThem) {
  Study s = study();
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
  campaign.studies = {study(), study()};
  for (Study& s : campaign.studies) s["n"] = from_1_to(6000);
  EXPECT_THROW(expand(campaign, context()), Error) << "12000 in all";
  campaign.max_cases = 12000;
  EXPECT_EQ(expand(campaign, context()).size(), 12000U);
}

TEST(Expand, ListsThatAModelDoesNotUseCostNothing) {
  Study s = study();
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
  Study s = study();
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
  const std::size_t made = expand(campaign, context()).size();
  campaign.max_cases = static_cast<std::int64_t>(made);
  EXPECT_NO_THROW(expand(campaign, context()));
  campaign.max_cases = static_cast<std::int64_t>(made) - 1;
  EXPECT_THROW(expand(campaign, context()), Error);
}

TEST(Expand, ThreadsFarBeyondTheMachineMustBeAskedFor) {
  ExpansionContext c = context();
  c.machine_cores = 2;
  Campaign campaign;
  campaign.studies = {study()};
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
  Study s = study();
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

TEST(Expand, ATagMakesCasesOfItsOwnAndAColumn) {
  Study s = study();
  s["tag"] = {"before", "after"};
  const std::vector<Case> cases = cases_of(s);
  ASSERT_EQ(cases.size(), 2U);
  EXPECT_EQ(cases[1].tag, "after");
  const std::vector<Column> columns = case_columns(cases[1]);
  const auto tag =
      std::find_if(columns.begin(), columns.end(), [](const Column& column) { return column.name == "tag"; });
  ASSERT_NE(tag, columns.end());
  EXPECT_EQ(std::get<std::vector<std::string>>(tag->values), std::vector<std::string>{"after"});
  EXPECT_NE(case_label(cases[1]).find("tag after"), std::string::npos);
}

TEST(Expand, ValuesGivenTwiceMakeOneCase) {
  Study s = study();
  s["n"] = {8, 8};
  s["ranks"] = {1, 1};
  EXPECT_EQ(cases_of(s).size(), 1U);
}

TEST(Expand, ResolvesScaleThreadsAndWidth) {
  Study s = study();
  s["heads"] = {4};
  s["kv_heads"] = {2};
  s["threads"] = {0};
  const Case c = cases_of(s)[0];
  EXPECT_EQ(c.d, 64);
  EXPECT_DOUBLE_EQ(c.scale, 0.25);
  EXPECT_EQ(c.threads, 3);
  EXPECT_EQ(c.hidden, 0);
}

TEST(Expand, PowersAreOneTwoFourAndTheNumberLaunched) {
  Study s = study();
  s["ranks"] = {"powers"};
  ExpansionContext c = context();
  c.launched_ranks = 6;
  std::vector<int> ranks;
  for (const Case& one : cases_of(s, c)) ranks.push_back(one.ranks);
  EXPECT_EQ(ranks, (std::vector<int>{1, 2, 4, 6}));
}

TEST(Expand, TheCommandLinesRanksWin) {
  ExpansionContext c = context();
  c.ranks_override = std::vector<std::int64_t>{3};
  EXPECT_EQ(cases_of(study(), c)[0].ranks, 3);
}

TEST(Expand, WeakScalingGivesEveryRankItsShare) {
  Study s = study();
  s["scaling"] = {"weak"};
  s["ranks"] = {1, 4};
  const std::vector<Case> cases = cases_of(s);
  EXPECT_EQ(cases[0].m, 100);
  EXPECT_EQ(cases[1].m, 400);
}

TEST(Expand, AFileGivesItsOwnSizeAndWidth) {
  Study s = study();
  s["knowledge"] = {"set.h5"};
  s["m"] = {KeyValue()};
  const Case c = cases_of(s)[0];
  EXPECT_EQ(c.knowledge, "found/set.h5");
  EXPECT_EQ(c.m, 1000);
  EXPECT_EQ(c.d, 96);
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
    Study s = study();
    row.change(s);
    const std::string message = refusal(s);
    EXPECT_NE(message.find(row.words), std::string::npos) << row.what << ": " << message;
    EXPECT_NE(message.find("study \"s\""), std::string::npos);
  }
}

TEST(Expand, GivesEveryModelWhatItUses) {
  Study s = study();
  s["model"] = {"self", "linear", "transformer", "lstm", "joint"};
  s["reduction"] = {"packed", "tree"};
  s["placement"] = {"natural", "replicated"};
  s["top_k"] = {3};
  const std::vector<Case> cases = cases_of(s);
  ASSERT_EQ(cases.size(), 4U + 2 + 4 + 2 + 4);
  EXPECT_EQ(cases[0].knowledge, kUnused);  // self reads none
  EXPECT_EQ(cases[0].m, 0);
  EXPECT_EQ(cases[0].top_k, 0);
  EXPECT_GT(cases[0].scale, 0);
  EXPECT_EQ(cases[4].model, "linear");
  EXPECT_EQ(cases[4].reduction, kUnused);
  EXPECT_EQ(cases[4].heads, 1);
  EXPECT_EQ(cases[4].scale, 0);
  EXPECT_EQ(cases[5].options.placement, Placement::replicated);
  EXPECT_TRUE(cases[6].projected);
  EXPECT_EQ(cases[6].knowledge_dim(), 64);
  EXPECT_EQ(cases[6].top_k, 3);
  EXPECT_EQ(cases[10].heads, 0);
  EXPECT_FALSE(cases[12].projected);
}

TEST(Expand, ResolvesTheLengthsOfSequences) {
  Study s = study();
  s["n"] = {7};
  s["batch"] = {5};
  s["lengths"] = {"random"};
  const Case drawn = cases_of(s)[0];
  ASSERT_EQ(drawn.unequal.size(), 5U);
  EXPECT_EQ(drawn.unequal[0], 7);
  for (const std::int64_t length : drawn.unequal) EXPECT_TRUE(1 <= length && length <= 7) << length;
  EXPECT_EQ(cases_of(s)[0].unequal, drawn.unequal);
  EXPECT_EQ(drawn.sequences().back().end, drawn.tokens());

  s["knowledge"] = {"set.h5"};
  s["lengths"] = {"sentences"};
  ExpansionContext c = context();
  c.open_knowledge = [](const std::string& path) { return KnowledgeExtent{path, 1000, 96, 3}; };
  c.sentence_lengths = [](const std::string&, std::int64_t) { return std::vector<std::int64_t>{9, 2, 4}; };
  EXPECT_EQ(cases_of(s, c)[0].unequal, (std::vector<std::int64_t>{7, 2, 4, 7, 2}));
}

TEST(Expand, KeepsOfTheOptionsOfExchangeWhatTheReductionHeeds) {
  Study s = study();
  s["reduction"] = {"packed", "ring", "reproducible", "hierarchical", "auto"};
  s["overlap"] = {"no", "yes"};
  s["query_tile"] = {7};
  s["chunk"] = {32};
  ExpansionContext c = context();
  c.ranks_per_node = 3;
  const std::vector<Case> cases = cases_of(s, c);
  ASSERT_EQ(cases.size(), 10U);
  const auto expect = [&](std::size_t i, std::int64_t tile, std::int64_t chunk, int node_size) {
    EXPECT_EQ(cases[i].options.query_tile, tile) << cases[i].reduction;
    EXPECT_EQ(cases[i].options.chunk, chunk) << cases[i].reduction;
    EXPECT_EQ(cases[i].options.node_size, node_size) << cases[i].reduction;
    EXPECT_EQ(cases[i].options.overlap, i % 2 == 1);
  };
  for (const std::size_t form : {0, 1}) {
    expect(form, 7, 0, 0);       // packed
    expect(2 + form, 0, 0, 0);   // ring
    expect(4 + form, 7, 32, 0);  // reproducible
    expect(6 + form, 7, 0, 3);   // hierarchical
    expect(8 + form, 7, 32, 3);  // auto may become any of them
  }
  s["model"] = {"lstm"};
  EXPECT_EQ(cases_of(s, c).size(), 1U);
}

TEST(ConfigHash, ChangesWithEverythingThatDecidesResults) {
  Campaign campaign;
  campaign.name = "x";
  const std::vector<Case> cases = cases_of(study());
  const std::string before = config_hash(campaign, cases);
  EXPECT_EQ(before.size(), 32U);
  EXPECT_EQ(config_hash(campaign, cases), before);
  Campaign other = campaign;
  other.text = "# a comment";
  EXPECT_EQ(config_hash(other, cases), before);
  other.timing.max_seconds += 1;
  EXPECT_NE(config_hash(other, cases), before);
  void (*const changes[])(Case&) = {
      [](Case& c) { c.study = "t"; },
      [](Case& c) { c.knowledge = "sphere"; },
      [](Case& c) { c.model = "lstm"; },
      [](Case& c) { c.kernel = "x"; },
      [](Case& c) { c.reduction = "x"; },
      [](Case& c) { c.precision = Precision::f64; },
      [](Case& c) { c.n = 9; },
      [](Case& c) { c.m = 9; },
      [](Case& c) { c.d = 9; },
      [](Case& c) { c.heads = 9; },
      [](Case& c) { c.kv_heads = 9; },
      [](Case& c) { c.hidden = 9; },
      [](Case& c) { c.scale = 9; },
      [](Case& c) { c.batch = 9; },
      [](Case& c) { c.ranks = 9; },
      [](Case& c) { c.threads = 9; },
      [](Case& c) { c.scaling = Scaling::weak; },
      [](Case& c) { c.seed = 9; },
      [](Case& c) { c.tiles.queries = 9; },
      [](Case& c) { c.options.placement = Placement::sharded; },
      [](Case& c) { c.options.overlap = true; },
      [](Case& c) { c.options.query_tile = 9; },
      [](Case& c) { c.options.chunk = 9; },
      [](Case& c) { c.options.node_size = 9; },
      [](Case& c) { c.causal = true; },
      [](Case& c) { c.sequence = Placement::sharded; },
      [](Case& c) { c.unequal = {3}; },
      [](Case& c) { c.top_k = 9; },
      [](Case& c) { c.symmetry = true; },
  };
  for (const auto change : changes) {
    std::vector<Case> changed = cases;
    change(changed[0]);
    EXPECT_NE(config_hash(campaign, changed), before);
  }
}

TEST(ConfigHash, TellsCasesApartWhoseNamesHoldWhatLooksLikeAKey) {
  const Campaign campaign;
  std::vector<Case> one(1), other(1);
  one[0].tag = "a|knowledge=b";
  other[0].tag = "a";
  other[0].knowledge = "b|knowledge=gaussian";
  EXPECT_NE(config_hash(campaign, one), config_hash(campaign, other));
}

TEST(ConfigHash, SeesWhatKnowledgeFilesHold) {
  const Campaign campaign;
  const std::vector<Case> cases(1);
  EXPECT_EQ(config_hash(campaign, cases, {"a"}), config_hash(campaign, cases, {"a"}));
  EXPECT_NE(config_hash(campaign, cases, {"a"}), config_hash(campaign, cases, {"b"}));
  EXPECT_NE(config_hash(campaign, cases, {"a"}), config_hash(campaign, cases));
}

// A case says all that its cost follows from: no file is opened for it.
TEST(Expand, ACaseKnowsWhetherItsFileHasValues) {
  ExpansionContext c = context();
  Study s = study();
  s["knowledge"] = {"set.h5"};
  double bytes[2];
  for (const bool has_values : {false, true}) {
    c.open_knowledge = [has_values](const std::string& path) {
      return KnowledgeExtent{"nowhere/" + path, 1000, 64, 0, has_values};
    };
    const Case one = cases_of(s, c)[0];
    EXPECT_EQ(one.has_separate_values(), has_values);
    bytes[has_values ? 1 : 0] = cost_of(one, model_by_name("knowledge").structure, backend_of(one)).bytes_read;
  }
  EXPECT_EQ(bytes[1], 2 * bytes[0]);
}

TEST(ShippedCampaigns, ExpandForAnyNumberOfRanks) {
  for (const char* name : {"quickstart", "strong", "weak", "models", "reductions"}) {
    const Campaign campaign =
        read_campaign(std::string(KNOWSCALE_SOURCE_DIR) + "/bench/campaigns/" + name + ".toml", {});
    ExpansionContext c = context();
    c.open_knowledge = [](const std::string& path) { return KnowledgeExtent{path, 117659, 128, 48322}; };
    c.sentence_lengths = [](const std::string&, std::int64_t) { return std::vector<std::int64_t>{9, 11}; };
    EXPECT_EQ(campaign.name, name);
    EXPECT_GE(expand(campaign, c).size(), 6U) << name;
  }
}

}  // namespace
}  // namespace knowscale

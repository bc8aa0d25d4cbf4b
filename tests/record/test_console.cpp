// SPDX-License-Identifier: BSD-3-Clause
#include "record/console.hpp"

#include <gtest/gtest.h>

#include "campaign/keys.hpp"
#include "core/error.hpp"
#include "record/durable_file.hpp"
#include "record/table_file.hpp"
#include "study/case_run.hpp"

namespace knowscale {
namespace {

Table cases_of(const std::vector<Case>& all, bool valid) {
  Table table = {"cases", {}};
  for (const Case& c : all) {
    CaseResult result;
    result.ran = c;
    if (c.model.empty()) result.ran.model = "knowledge";
    result.valid = valid;
    result.reason = valid ? "" : "error 1 exceeds the bound 0.5";
    result.measurement.samples = {{.seconds = 0.002, .compute = 0.0013, .copy = 0.0002, .exchange = 0.0005}};
    result.measurement.seconds = {0.002, 0.0019, 0.0021, true};
    result.cost.flops = 4e6;
    result.bound = {"fma_f32", 0.5};
    append(table, case_tables(c, result, 1)[0]);
  }
  return table;
}

TEST(WithPrefix, KeepsThreeDigits) {
  EXPECT_EQ(with_prefix(0.0012345, "s"), "1.23 ms");
  EXPECT_EQ(with_prefix(2.5e9, "B/s"), "2.5 GB/s");
  EXPECT_EQ(with_prefix(4e-7, "s"), "400 ns");
  EXPECT_EQ(with_prefix(0, "s"), "0 s");
  EXPECT_EQ(with_prefix(0.9996, "s"), "1 s");
  EXPECT_EQ(with_prefix(999.4e6, "B/s"), "999 MB/s");
}

TEST(CaseTable, NamesOnceWhatAllCasesShareAndShowsWhatVaries) {
  Case a, b;
  a.number = 1;
  b.number = 2;
  a.study = b.study = "strong";
  a.model = b.model = "knowledge";
  a.heads = b.heads = 1;
  b.ranks = 2;
  const std::string text = case_table(cases_of({a, b}, true));
  EXPECT_NE(text.find("study = strong, knowledge = gaussian, model = knowledge"), std::string::npos) << text;
  EXPECT_NE(text.find("case  ranks  median"), std::string::npos) << text;
  EXPECT_NE(text.find("2 ms"), std::string::npos);
  EXPECT_NE(text.find("2 GFLOP/s"), std::string::npos);
  EXPECT_NE(text.find("25.0 %"), std::string::npos) << "share of exchange";
  EXPECT_NE(text.find("10.0 %"), std::string::npos) << "share of copies";
  EXPECT_NE(text.find("VALID"), std::string::npos);
}

// Every key that is part of what a case is tells rows apart where it alone differs.
TEST(CaseTable, TellsRowsApartByEveryKeyWithARole) {
  for (const CaseKey& key : case_keys()) {
    if (key.role == Role::none) continue;
    Case a, b;
    a.study = b.study = "s";
    a.model = b.model = "knowledge";
    a.on_device = b.on_device = a.attends_to_tokens = b.attends_to_tokens = true;
    if (key.name == "exact") a.precision = b.precision = Precision::int8;
    if (key.name == "model") {
      b.model = "self";
    } else if (std::holds_alternative<Flag>(key.kind)) {
      key.set(a, "no");
      key.set(b, "yes");
    } else if (const auto* names = std::get_if<OneOf>(&key.kind)) {
      key.set(a, names->front());
      key.set(b, names->back());
    } else if (std::holds_alternative<Name>(key.kind)) {
      key.set(a, "one");
      key.set(b, "other");
    } else if (std::holds_alternative<RealNumbers>(key.kind)) {
      key.set(a, 0.5);
      key.set(b, 0.25);
    } else {
      key.set(a, 8);
      key.set(b, 16);
    }
    const std::string text = case_table(cases_of({a, b}, true));
    EXPECT_NE(text.find("  " + std::string(key.name) + "  "), std::string::npos) << key.name << "\n" << text;
  }
}

TEST(CaseTable, GivesTheReasonOfAnInvalidCase) {
  Case c;
  c.study = "s";
  EXPECT_NE(case_table(cases_of({c}, false)).find("INVALID: error 1 exceeds"), std::string::npos);
}

TEST(DescribeFile, TellsAKnowledgeSetFromAResult) {
  const std::string text = describe_file(std::string(KNOWSCALE_SOURCE_DIR) + "/data/wordnet-sample.h5");
  EXPECT_NE(text.find("knowledge set \"wordnet-sample\""), std::string::npos);
  EXPECT_NE(text.find("2000 of dimension 128"), std::string::npos);
  EXPECT_NE(text.find("Princeton University"), std::string::npos);
}

TEST(DescribeFile, RefusesAResultOfOtherColumns) {
  const std::string path = testing::TempDir() + "other.h5";
  write_durable_file(path, [](hid_t file) {
    h5::write_integer(file, "schema_version", 2);
    for (const char* name : {"campaign", "config_hash", "knowscale_version"}) h5::write_text(file, name, "x");
    write_table(file, {"cases", {{"case", "1", "number", std::vector<std::int64_t>{1}}}});
  });
  EXPECT_THROW(describe_file(path), Error);
}

TEST(DescribeFile, RefusesWhatIsNeither) {
  EXPECT_THROW(describe_file("/nonexistent.h5"), Error);
  EXPECT_THROW(describe_file(std::string(KNOWSCALE_SOURCE_DIR) + "/LICENSE"), Error);
}

}  // namespace
}  // namespace knowscale

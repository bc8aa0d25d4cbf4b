// SPDX-License-Identifier: BSD-3-Clause
#include "campaign/keys.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace knowscale {
namespace {

// What is compared with what in every figure and table of the analysis: a key in another role changes them silently.
TEST(Keys, HaveTheRolesThatComparisonsRestOn) {
  std::map<Role, std::set<std::string>> names;
  for (const CaseKey& key : case_keys()) names[key.role].insert(std::string(key.name));
  const std::map<Role, std::set<std::string>> expected = {
      {Role::problem, {"tag", "knowledge", "scaling", "m", "n", "d", "batch", "lengths"}},
      {Role::model, {"model", "precision", "exact", "causal", "hidden", "heads", "kv_heads", "scale"}},
      {Role::method, {"kernel", "query_block", "key_block"}},
      {Role::exchange, {"reduction", "placement", "overlap", "query_tile", "chunk", "node_size", "transport"}},
      {Role::place, {"sequence", "threads", "ranks"}},
      {Role::none, {"top_k", "symmetry"}}};
  EXPECT_EQ(names, expected);
}

TEST(Keys, RecordADashWhereACaseHasNoUseForThem) {
  Case c;
  c.reduction = kUnused;
  c.attends_to_tokens = c.on_device = false;
  for (const char* name : {"overlap", "causal", "transport", "exact"})
    EXPECT_EQ(text_of(case_key(name).recorded(c)), "-");
  c.reduction = "packed";
  c.attends_to_tokens = c.on_device = true;
  EXPECT_EQ(text_of(case_key("overlap").recorded(c)), "no");
  EXPECT_EQ(text_of(case_key("causal").recorded(c)), "no");
  EXPECT_EQ(text_of(case_key("transport").recorded(c)), "host");
}

}  // namespace
}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "campaign/expand.hpp"
#include "campaign/plan.hpp"
#include "core/error.hpp"

// A study of one case, which a test changes and expands as if 4 ranks of 3 cores each were launched.
namespace knowscale {

inline ExpansionContext four_ranks() {
  ExpansionContext context;
  context.names = known_names();
  context.launched_ranks = 4;
  context.cores_per_rank = 3;
  context.open_knowledge = [](const std::string& path) { return KnowledgeExtent{"found/" + path, 1000, 96, 0}; };
  return context;
}

inline Study small_study() {
  Study s = parse_campaign("s.toml", "[[study]]\nname = \"s\"\nmodel = \"knowledge\"\n", {}).studies[0];
  s["kernel"] = {"blas"};
  s["n"] = {8};
  s["m"] = {100};
  s["chunk"] = {64};
  s["ranks"] = {1};
  return s;
}

inline std::vector<Case> cases_of(const Study& s, const ExpansionContext& c = four_ranks()) {
  Campaign campaign;
  campaign.studies = {s};
  return expand(campaign, c);
}

inline std::string refusal(const Study& s) {
  try {
    cases_of(s);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    return error.what();
  }
  ADD_FAILURE() << "not refused";
  return "";
}

}  // namespace knowscale

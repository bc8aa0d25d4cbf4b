// SPDX-License-Identifier: BSD-3-Clause
// Every rank runs every test; rank 0 reports, the others speak only of failures. Fails if any rank did.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>

#include "comm/communicator.hpp"

namespace knowscale {

// Within an MpiSession. Returns the exit status.
inline int run_all_tests(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  GTEST_FLAG_SET(catch_exceptions, false);  // on one rank it would leave the others waiting: it ends the job
  const Communicator world = Communicator::world();
  testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
  class FailuresOnly : public testing::EmptyTestEventListener {
    void OnTestPartResult(const testing::TestPartResult& result) override {
      if (result.failed())
        std::fprintf(stderr, "%s:%d: %s\n", result.file_name(), result.line_number(), result.summary());
    }
  };
  if (!world.is_root()) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailuresOnly);
  }
  return world.allreduce(RUN_ALL_TESTS(), Combine::maximum);
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Every rank runs every test; rank 0 reports, the others speak only of failures. Fails if any rank did.
#include <gtest/gtest.h>

#include "comm/communicator.hpp"

int main(int argc, char** argv) {
  const knowscale::MpiSession session(&argc, &argv);
  testing::InitGoogleTest(&argc, argv);
  const knowscale::Communicator world = knowscale::Communicator::world();
  testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
  class FailuresOnly : public testing::EmptyTestEventListener {
    void OnTestPartResult(const testing::TestPartResult& result) override {
      if (result.failed()) fprintf(stderr, "%s:%d: %s\n", result.file_name(), result.line_number(), result.summary());
    }
  };
  if (!world.is_root()) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailuresOnly);
  }
  return world.allreduce(RUN_ALL_TESTS(), knowscale::Combine::maximum);
}

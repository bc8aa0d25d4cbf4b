// SPDX-License-Identifier: BSD-3-Clause
// The tests of kernels on a device, or the word that there is none.
#include <gtest/gtest.h>

#include <cstdio>

#include "kernels/cuda/cuda.hpp"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (knowscale::cuda::device_count() == 0) {
    std::printf("skipped: no device\n");
    return 0;
  }
  std::printf("on %s\n", knowscale::cuda::use_device(0).name.c_str());
  return RUN_ALL_TESTS();
}

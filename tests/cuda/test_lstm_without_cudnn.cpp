// SPDX-License-Identifier: BSD-3-Clause
// A build without cuDNN says so rather than running something else.
#include <gtest/gtest.h>

#include "kernels/cuda/lstm/cudnn.hpp"
#include "naive_lstm.hpp"

namespace knowscale::cuda {
namespace {

TEST(WithoutCudnn, ThereIsNoLayerAndNoVersion) {
  const Stream stream;
  EXPECT_EQ(cudnn_lstm(stream, random_weights<float>(3, 5)), nullptr);
  EXPECT_EQ(cudnn_version(), "");
}

}  // namespace
}  // namespace knowscale::cuda

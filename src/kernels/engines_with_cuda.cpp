// SPDX-License-Identifier: BSD-3-Clause
// The engines of a build with CUDA, in place of engines.cpp: outside of kernels/cuda its one mention.
#include "kernels/cuda/engine.hpp"
#include "kernels/engine.hpp"

namespace knowscale {

std::span<const Engine* const> engines() {
  static const Engine* const all[] = {&host_engine(), &cuda::engine()};
  return all;
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// How a kernel is launched.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace knowscale::cuda {

// Blocks, threads per block, and dynamic shared memory of a block in bytes.
struct Grid {
  dim3 blocks;
  dim3 threads;
  std::size_t shared_bytes = 0;
};

}  // namespace knowscale::cuda

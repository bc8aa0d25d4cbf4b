// SPDX-License-Identifier: BSD-3-Clause
// Launching a kernel. A test build takes another file of this name, which runs the threads of a block as fibers.
#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/runtime/device.hpp"
#include "kernels/cuda/runtime/grid.hpp"

namespace knowscale::cuda {

// Queues the kernel on the stream. Throws Error(resource) where the device refuses it.
template <class... Parameters>
void launch(void (*kernel)(Parameters...), const Grid& grid, cudaStream_t stream, Parameters... arguments) {
  allow_shared_memory(kernel, grid.shared_bytes);
  kernel<<<grid.blocks, grid.threads, grid.shared_bytes, stream>>>(arguments...);
  check(cudaGetLastError(), "kernel launch");
}

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// What kernels/cuda/runtime/device/launch.cuh has, on the host.
#pragma once

#include <cstddef>

#include "emulator.hpp"
#include "kernels/cuda/runtime/device.hpp"
#include "kernels/cuda/runtime/grid.hpp"

// Counts a launch; an error where the device was lost.
cudaError_t emulated_launch(dim3 blocks, dim3 threads, std::size_t shared_bytes);

namespace knowscale::cuda {

template <class... Parameters>
void launch(void (*kernel)(Parameters...), const Grid& grid, cudaStream_t, Parameters... arguments) {
  check(emulated_launch(grid.blocks, grid.threads, grid.shared_bytes), "kernel launch");
  emulator::run(grid.blocks, grid.threads, grid.shared_bytes, [&] { kernel(arguments...); });
}

}  // namespace knowscale::cuda

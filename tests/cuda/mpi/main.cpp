// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/cuda.hpp"
#include "mpi/run_all.hpp"

int main(int argc, char** argv) {
  const knowscale::MpiSession session(&argc, &argv);
  knowscale::cuda::use_device(0);
  return knowscale::run_all_tests(argc, argv);
}

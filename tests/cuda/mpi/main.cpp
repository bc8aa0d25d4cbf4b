// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/engine.hpp"
#include "mpi/run_all.hpp"

int main(int argc, char** argv) {
  const knowscale::MpiSession session(&argc, &argv);
  knowscale::engine_of_devices()->devices->use(0);
  return knowscale::run_all_tests(argc, argv);
}

// SPDX-License-Identifier: BSD-3-Clause
#include "run_all.hpp"

int main(int argc, char** argv) {
  const knowscale::MpiSession session(&argc, &argv);
  return knowscale::run_all_tests(argc, argv);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <comm/reduction.hpp>
#include <kernels/attention.hpp>

int main(int argc, char** argv) {
  const knowscale::MpiSession session(&argc, &argv);
  const knowscale::Communicator world = knowscale::Communicator::world();
  knowscale::Matrix<float> z(1, 4);
  for (float& x : z.span()) x = 1;
  knowscale::Partial<float> partial(1, {1, 1, 4, 4});
  knowscale::kernel_by_name<float>("blas").compute({z.view(), z.view(), z.view(), {1, 1, 4, 4}, 0.5f}, partial.rows(),
                                                   knowscale::Threads(1));
  knowscale::reduction_by_name<float>("packed").run(world, partial);
  return partial.rows()(0, 0) / partial.rows()(0, 4) == 1 ? 0 : 1;
}

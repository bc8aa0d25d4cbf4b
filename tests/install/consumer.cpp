// SPDX-License-Identifier: BSD-3-Clause
#include <comm/reduction.hpp>
#include <kernels/kernel.hpp>

#include "kernels/threads.hpp"

int main(int argc, char** argv) {
  const knowscale::MpiSession session(&argc, &argv);
  const knowscale::Communicator world = knowscale::Communicator::world();
  knowscale::Matrix<float> z(1, 4);
  for (float& x : z.span()) x = 1;
  const knowscale::Threads threads(1);
  const auto& reduction = knowscale::reduction_by_name("packed");
  const knowscale::ShardedKeys<float> keys = {{z.view(), z.view()},
                                              knowscale::shard_ranges(world.size(), world.size(), 1)};
  const knowscale::ShardedAttention<float> attention = {world,
                                                        threads,
                                                        knowscale::kernel_by_name("simd"),
                                                        {z.view(), {}, {}, {1, 1, 4, 4}, 0.5},
                                                        {keys},
                                                        {.placement = knowscale::Placement::replicated}};
  knowscale::Matrix<float> output(1, 4);
  reduction.prepare(attention)->run(output.view());
  return output(0, 0) == 1 ? 0 : 1;
}

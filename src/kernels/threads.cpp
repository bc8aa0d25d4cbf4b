// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/threads.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_arena.h>

namespace knowscale {

struct Threads::Arena {
  explicit Arena(int count)
      : limit(oneapi::tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(count)), arena(count) {}

  oneapi::tbb::global_control limit;
  oneapi::tbb::task_arena arena;
};

Threads::Threads(int count) : count_(count), arena_(count == 1 ? nullptr : std::make_unique<Arena>(count)) {}

Threads::~Threads() = default;

void Threads::run(std::int64_t tasks, void (*call)(const void* body, std::int64_t task), const void* body) const {
  arena_->arena.execute([&] {
    oneapi::tbb::parallel_for(
        std::int64_t{0}, tasks, [&](std::int64_t task) { call(body, task); }, oneapi::tbb::static_partitioner{});
  });
}

}  // namespace knowscale

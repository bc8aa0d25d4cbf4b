// SPDX-License-Identifier: BSD-3-Clause
#include "emulator.hpp"

#include <boost/context/fiber.hpp>
#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace emulator {

using knowscale::Error;
using knowscale::ExitStatus;
namespace context = boost::context;

Place place;
Order order = Order::first_to_last;

namespace {

constexpr std::size_t kStack = 64 << 10;

[[noreturn]] void fail(const std::string& what) { throw Error(ExitStatus::usage, "emulated device: " + what); }

struct Copy {
  void* to;
  const void* from;  // none: zeros

  void perform() const {
    if (from != nullptr) {
      std::memcpy(to, from, 16);
    } else {
      std::memset(to, 0, 16);
    }
  }
};

// Threads that wait for each other.
struct Barrier {
  int members = 0;
  int arrived = 0;
  std::int64_t generation = 0;
  const char* where = nullptr;
};

struct Warp {
  Barrier barrier;
  alignas(16) unsigned char exchanged[2][kLanes * kStride];
};

struct Thread {
  context::fiber fiber;
  context::fiber* back = nullptr;  // to the scheduler, while it runs
  dim3 index;
  Warp* warp = nullptr;
  int lane = 0;
  int exchanges = 0;
  bool done = false;
  const Barrier* waits_for = nullptr;  // until its generation is past
  std::int64_t generation = 0;
  std::vector<Copy> started;           // since the last commit
  std::deque<std::vector<Copy>> groups;
};

struct Block {
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  Barrier barrier;
  std::vector<unsigned char> shared;
  std::exception_ptr error;
};

Block* block = nullptr;
Thread* running = nullptr;
std::int64_t bank_conflicts = 0;

void wait_at(Barrier& barrier, const char* where) {
  if (barrier.arrived > 0 && std::strcmp(barrier.where, where) != 0) {
    fail(std::string("threads wait in different places: ") + barrier.where + " and " + where);
  }
  barrier.where = where;
  if (++barrier.arrived == barrier.members) {
    barrier.arrived = 0;
    ++barrier.generation;
    return;
  }
  Thread* self = running;
  self->waits_for = &barrier;
  self->generation = barrier.generation;
  *self->back = std::move(*self->back).resume();
  self->waits_for = nullptr;
}

unsigned char* aligned_shared() {
  const auto address = reinterpret_cast<std::uintptr_t>(block->shared.data());
  return block->shared.data() + (1024 - address % 1024) % 1024;
}

void start(Thread& thread, const std::function<void()>& kernel) {
  thread.fiber = context::fiber(std::allocator_arg, context::fixedsize_stack(kStack),
                                [&thread, &kernel](context::fiber&& back) {
                                  thread.back = &back;
                                  try {
                                    kernel();
                                  } catch (const context::detail::forced_unwind&) {
                                    throw;
                                  } catch (...) {
                                    block->error = std::current_exception();
                                  }
                                  thread.done = true;
                                  return std::move(back);
                                });
}

bool ready(const Thread& thread) {
  return !thread.done && (thread.waits_for == nullptr || thread.waits_for->generation != thread.generation);
}

// Lets the thread run until it waits.
void resume(Thread& thread) {
  running = &thread;
  place.thread = thread.index;
  thread.fiber = std::move(thread.fiber).resume();
  if (!thread.done) return;
  const auto waiting = [](const std::vector<Copy>& group) { return !group.empty(); };
  if (!thread.started.empty() || std::any_of(thread.groups.begin(), thread.groups.end(), waiting)) {
    fail("a thread ended before its copies to shared memory had arrived");
  }
}

// Resumes those threads of a warp that do not wait; how many there were. `left`: less those that end.
std::size_t run_warp(std::span<Thread> warp, std::size_t& left) {
  std::size_t resumed = 0;
  for (std::size_t i = 0; i < warp.size() && !block->error; ++i) {
    Thread& thread = warp[order == Order::first_to_last ? i : warp.size() - 1 - i];
    if (!ready(thread)) continue;
    ++resumed;
    resume(thread);
    if (thread.done) --left;
  }
  return resumed;
}

void run_block(const std::function<void()>& kernel, std::size_t shared_bytes) {
  const auto count = static_cast<std::size_t>(place.threads.x * place.threads.y * place.threads.z);
  if (count % kLanes != 0) fail("a block of " + std::to_string(count) + " threads is not whole warps");
  const auto on_heap = std::make_unique<Block>();  // g++ 14 warns of a pointer in a global to what is on the stack
  Block& own = *on_heap;
  own.threads.resize(count);
  own.warps.resize(count / kLanes);
  own.shared.assign(shared_bytes + 1024, 0xff);
  own.barrier.members = static_cast<int>(count);
  block = &own;
  for (std::size_t i = 0; i < count; ++i) {
    Thread& thread = own.threads[i];
    const auto n = static_cast<unsigned>(i);
    thread.index = {n % place.threads.x, n / place.threads.x % place.threads.y, n / place.threads.x / place.threads.y};
    thread.warp = &own.warps[i / kLanes];
    thread.warp->barrier.members = kLanes;
    thread.lane = static_cast<int>(i % kLanes);
    start(thread, kernel);
  }
  std::size_t left = count;
  while (left > 0 && !own.error) {
    bool progress = false;
    for (std::size_t w = 0; w < own.warps.size(); ++w) {
      // A warp goes on until it waits for others: as far ahead of them as barriers let it.
      const std::size_t first = (order == Order::first_to_last ? w : own.warps.size() - 1 - w) * kLanes;
      while (const std::size_t resumed = run_warp({own.threads.data() + first, kLanes}, left)) progress |= resumed > 0;
    }
    if (left > 0 && !progress && !own.error) fail("threads wait for others that have ended or wait elsewhere");
  }
  if (own.error) std::rethrow_exception(own.error);
}

}  // namespace

void run(dim3 blocks, dim3 threads, std::size_t shared_bytes, const std::function<void()>& kernel) {
  place.threads = threads;
  place.blocks = blocks;
  for (unsigned z = 0; z < blocks.z; ++z) {
    for (unsigned y = 0; y < blocks.y; ++y) {
      for (unsigned x = 0; x < blocks.x; ++x) {
        place.block = {x, y, z};
        run_block(kernel, shared_bytes);
      }
    }
  }
}

unsigned char* shared_memory() { return aligned_shared(); }
void sync_block() { wait_at(block->barrier, "sync_block"); }
int lane() { return running->lane; }

const unsigned char* exchange(const void* mine, std::size_t bytes, const char* where) {
  Thread& self = *running;
  unsigned char* all = self.warp->exchanged[self.exchanges++ % 2];
  std::memcpy(all + static_cast<std::size_t>(self.lane) * kStride, mine, bytes);
  wait_at(self.warp->barrier, where);
  return all;
}

void copy_async(void* shared, const void* global, bool valid) {
  const auto* to = static_cast<const unsigned char*>(shared);
  const unsigned char* begin = block->shared.data();
  if (to < begin || to + 16 > begin + block->shared.size()) fail("a copy to outside of shared memory");
  if (reinterpret_cast<std::uintptr_t>(shared) % 16 != 0) fail("a copy to an address that is not a multiple of 16");
  if (valid) {
    if (reinterpret_cast<std::uintptr_t>(global) % 16 != 0) fail("a copy from an address that is not a multiple of 16");
    require_device_memory(global, 16, "a copy to shared memory");
  }
  const Copy copy = {shared, valid ? global : nullptr};
  if (order == Order::last_to_first) {
    copy.perform();
  } else {
    running->started.push_back(copy);
  }
}

void commit_copies() { running->groups.push_back(std::exchange(running->started, {})); }

void wait_for_copies(int groups) {
  while (running->groups.size() > static_cast<std::size_t>(groups)) {
    for (const Copy& copy : running->groups.front()) copy.perform();
    running->groups.pop_front();
  }
}

std::int64_t take_bank_conflicts() { return std::exchange(bank_conflicts, 0); }

void count_bank_conflicts(const std::array<std::uintptr_t, kLanes>& rows) {
  if (lane() != 0) return;
  for (std::size_t phase = 0; phase < kLanes; phase += 8) {
    std::array<std::uintptr_t, 8> used = {};
    for (std::size_t i = 0; i < 8; ++i) {
      const std::uintptr_t bank = rows[phase + i] / 16 % 8;  // of four banks of 4 bytes
      if (used[bank] != 0 && used[bank] != rows[phase + i]) ++bank_conflicts;
      used[bank] = rows[phase + i];
    }
  }
}

}  // namespace emulator

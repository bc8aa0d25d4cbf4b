// SPDX-License-Identifier: BSD-3-Clause
// One block of a kernel after another, its threads as fibers that run until they wait for others. What a device may do
// in any order is done in the order that hides least: see Order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "cuda_runtime.h"

namespace emulator {

inline constexpr int kLanes = 32;

// Which warps of a block go ahead of the others, and which lanes of a warp, and when asynchronous copies arrive.
enum class Order {
  first_to_last,  // and copies as late as a wait allows: a missing wait reads poison
  last_to_first   // and copies at once: a buffer that is filled again too early is overwritten
};
extern Order order;

// Runs `kernel` once for every thread of every block. Throws Error(usage) where threads of a warp or block wait for
// each other in different places, or for ever; rethrows what a thread throws.
void run(dim3 blocks, dim3 threads, std::size_t shared_bytes, const std::function<void()>& kernel);

// Of the running fiber's block.
unsigned char* shared_memory();
void sync_block();
int lane();

// Every lane of a warp gives some bytes (64 at most) at the same place of the program (`where`); gets those of all
// lanes, kStride apart, valid until the lane's next exchange.
inline constexpr std::size_t kStride = 64;
const unsigned char* exchange(const void* mine, std::size_t bytes, const char* where);

template <class N>
std::array<N, kLanes> exchange(const N& mine, const char* where) {
  static_assert(sizeof(N) <= kStride);
  const unsigned char* all = exchange(&mine, sizeof(N), where);
  std::array<N, kLanes> of_lanes;
  for (std::size_t l = 0; l < kLanes; ++l) __builtin_memcpy(&of_lanes[l], all + l * kStride, sizeof(N));
  return of_lanes;
}

// Asynchronous copies of the running fiber.
void copy_async(void* shared, const void* global, bool valid);
void commit_copies();
void wait_for_copies(int groups);

// Throws where [data, data + bytes) is not inside one allocation of the device.
void require_device_memory(const void* data, std::size_t bytes, const char* what);

// How often a warp's accesses to shared memory met in one bank since the last call: 8 lanes at a time with 16 bytes each.
std::int64_t take_bank_conflicts();
void count_bank_conflicts(const std::array<std::uintptr_t, kLanes>& rows);

}  // namespace emulator

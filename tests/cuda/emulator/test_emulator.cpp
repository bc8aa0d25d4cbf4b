// SPDX-License-Identifier: BSD-3-Clause
// What the emulated device finds: the mistakes that a real one would make of, now and then, a wrong number.
#include <gtest/gtest.h>
#include <instructions.cuh>
#include <launch.cuh>

#include "core/error.hpp"
#include "emulator.hpp"

namespace knowscale::cuda {
namespace {

void waits_in_different_places(int) {
  if (threadIdx.x < 16) {
    sync_warp();
  } else {
    shuffle_xor(1, 1);
  }
}
void leaves_others_waiting(int) {
  if (threadIdx.x < 32) sync_block();
}
void ends_before_its_copies(const float* from) {
  copy_async(shared_memory(), from, threadIdx.x == 0);
  commit_copies();
}
void copies_from_behind_the_end(const float* from) {
  copy_async(shared_memory() + 16 * threadIdx.x, from + 4 * threadIdx.x, true);
  commit_copies();
  wait_for_copies<0>();
}
// Reads what a thread of another warp writes, with and without waiting for it.
void hands_over(float* to, bool waits) {
  auto* shared = reinterpret_cast<float*>(shared_memory());
  shared[threadIdx.x] = 1;
  if (waits) sync_block();
  to[threadIdx.x] = shared[(threadIdx.x + 32) % 64];
}

const Stream& stream() {
  static const Stream the_stream;
  return the_stream;
}

TEST(Emulator, RefusesWhatWouldHang) {
  EXPECT_THROW(launch(waits_in_different_places, {dim3(1), dim3(32), 0}, stream(), 0), Error);
  EXPECT_THROW(launch(leaves_others_waiting, {dim3(1), dim3(64), 0}, stream(), 0), Error);
}

TEST(Emulator, RefusesCopiesThatNobodyWaitsFor) {
  const DeviceBuffer<float> from(128);
  emulator::order = emulator::Order::first_to_last;
  EXPECT_THROW(launch(ends_before_its_copies, {dim3(1), dim3(32), 1024}, stream(), from.data()), Error);
}

TEST(Emulator, RefusesReadsBehindAnAllocation) {
  const DeviceBuffer<float> enough(128), short_of_one(127);
  EXPECT_NO_THROW(launch(copies_from_behind_the_end, {dim3(1), dim3(32), 1024}, stream(), enough.data()));
  EXPECT_THROW(launch(copies_from_behind_the_end, {dim3(1), dim3(32), 1024}, stream(), short_of_one.data()), Error);
}

TEST(Emulator, ShowsMissingBarriersInOneOrderOrTheOther) {
  DeviceBuffer<float> to(64);
  for (const bool waits : {true, false}) {
    int wrong = 0;
    for (const auto order : {emulator::Order::first_to_last, emulator::Order::last_to_first}) {
      emulator::order = order;
      launch(hands_over, {dim3(1), dim3(64), 256}, stream(), to.data(), waits);
      for (int i = 0; i < 64; ++i) wrong += to.data()[i] == 1.0f ? 0 : 1;
    }
    emulator::order = emulator::Order::first_to_last;
    EXPECT_EQ(wrong > 0, !waits);
  }
}

TEST(Emulator, RefusesMoreSharedMemoryAndMoreDevicesThanThereAre) {
  EXPECT_THROW(launch(leaves_others_waiting, {dim3(1), dim3(32), 300 << 10}, stream(), 0), Error);
  EXPECT_THROW(DeviceBuffer<float>(std::int64_t{1} << 40), Error);
}

}  // namespace
}  // namespace knowscale::cuda

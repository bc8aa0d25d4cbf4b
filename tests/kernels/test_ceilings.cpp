// SPDX-License-Identifier: BSD-3-Clause
// The measured ceilings: what must hold on any machine, however loaded; and that nothing is left unread.
#include "core/error.hpp"
#include "kernels/ceilings.hpp"
#include "kernels/engine.hpp"
#include "kernels/threads.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/every_target.hpp"

namespace knowscale {
namespace {

constexpr double kSeconds = 0.01;

TEST(FmaRate, IsPositiveAndFiniteForEveryTarget) {
  for_every_target([&] {
    const Threads one(1);
    for (const double rate : {fma_rate<float>(one, kSeconds), fma_rate<double>(one, kSeconds)}) {
      EXPECT_TRUE(std::isfinite(rate));
      EXPECT_GT(rate, 1e6);
    }
  });
}

// Optimised away, the work would take no time. No core does 100 TFLOP/s.
TEST(FmaRate, IsNotThatOfDeletedWork) {
  EXPECT_LT(fma_rate<float>(Threads(1), kSeconds), 1e14);
  EXPECT_LT(fma_rate<double>(Threads(1), kSeconds), 1e14);
}

TEST(FmaRate, TakesAnyNumberOfThreads) {
  for (const int threads : {1, 2, 3}) EXPECT_GT(fma_rate<double>(Threads(threads), kSeconds), 1e6);
}

TEST(ReadRate, IsPositiveAndNotThatOfDeletedWork) {
  const std::vector<double> buffer(1 << 20, 1.0);
  for (const int threads : {1, 2, 3}) {
    const double rate = read_rate(Threads(threads), buffer, kSeconds);
    EXPECT_GT(rate, 1e6);
    EXPECT_LT(rate, 1e14);
  }
}

TEST(ReadRate, TakesBuffersOfAnySize) {
  for (const std::size_t count : {1, 2, 7, 8, 65, 1000}) {
    const std::vector<double> buffer(count, 1.0);  // on the heap: the sanitizers see a read behind it
    for (const int threads : {1, 3}) EXPECT_GT(read_rate(Threads(threads), buffer, 0), 0);
  }
}

TEST(Engines, AreTheHostFirstAndThoseWithDevices) {
  EXPECT_EQ(engines().front(), &host_engine());
  EXPECT_EQ(host_engine().devices, nullptr);
  if (engine_of_devices() == nullptr) {
    EXPECT_EQ(device_count(), 0);
  } else {
    EXPECT_THROW(engine_of_devices()->devices->use(device_count()), Error);
  }
}

TEST(LastLevelCache, IsOfAPlausibleSize) {
  EXPECT_GE(last_level_cache_bytes(), std::int64_t{64} << 10);
  EXPECT_LE(last_level_cache_bytes(), std::int64_t{8} << 30);
}

}  // namespace
}  // namespace knowscale

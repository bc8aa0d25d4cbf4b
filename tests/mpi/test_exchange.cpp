// SPDX-License-Identifier: BSD-3-Clause
// Exchanges as coroutines: suspended while messages travel, whole or in parts, and honest about errors.
#include "comm/exchange.hpp"

#include <gtest/gtest.h>

#include "comm/channel.hpp"
#include "ranks.hpp"

namespace knowscale {
namespace {

MatrixView<float> one(float& number) { return {&number, 1, 1, 1}; }

Exchange receive_twice(const Channel& channel, int from, float& sum) {
  float number = 0;
  co_await channel.receive<float>(one(number), from);
  sum += number;
  co_await channel.receive<float>(one(number), from);
  sum += number;
}

Exchange nested(const Channel& channel, int from, float& sum, bool& done) {
  co_await receive_twice(channel, from, sum);
  co_await receive_twice(channel, from, sum);
  done = true;
}

TEST(Exchange, IsSuspendedUntilItsMessagesHaveArrived) {
  const Communicator world = Communicator::world();
  const Channel channel(world, true);
  const int other = world.rank() ^ 1;
  float sum = 0;
  bool done = false;
  Exchange exchange = nested(channel, other, sum, done);
  EXPECT_FALSE(exchange.complete());
  EXPECT_EQ(sum, 0);
  world.barrier();
  float sent = 2;
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(done);
    Requests request = channel.send<float>(one(sent), other);
    request.wait();
  }
  exchange.wait();
  EXPECT_TRUE(done && exchange.complete());
  EXPECT_EQ(sum, 8);
}

Exchange fails_after_a_message(const Channel& channel) {
  co_await channel.barrier();
  throw Error(ExitStatus::resource, "broken");
}
Exchange passes_on(const Channel& channel) { co_await fails_after_a_message(channel); }

TEST(Exchange, ThrowsWhatItsBodyThrows) {
  const Communicator world = Communicator::world();
  for (const bool overlapped : {false, true}) {
    const Channel channel(world, overlapped);
    EXPECT_THROW(fails_after_a_message(channel).wait(), Error);
    EXPECT_THROW(passes_on(channel).wait(), Error);
  }
}

TEST(Exchange, OfNothingIsComplete) {
  Exchange exchange;
  EXPECT_TRUE(exchange.complete());
  EXPECT_TRUE(Requests().complete());
}

// Messages of two channels do not meet, whatever their order.
TEST(Channel, KeepsItsMessagesToItself) {
  const Communicator world = Communicator::world();
  const Channel first(world, true), second(world, true);
  const int other = world.rank() ^ 1;
  float a = 1, b = 2, from_first = 0, from_second = 0;
  Requests requests = second.receive<float>(one(from_second), other);
  requests.add(first.receive<float>(one(from_first), other));
  requests.add(first.send<float>(one(a), other));
  requests.add(second.send<float>(one(b), other));
  requests.wait();
  EXPECT_EQ(from_first, 1);
  EXPECT_EQ(from_second, 2);
}

}  // namespace
}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "comm/communicator.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <new>
#include <stdexcept>

#include "comm/clock.hpp"
#include "comm/counts.hpp"
#include "ranks.hpp"

namespace knowscale {
namespace {

TEST(Communicator, FirstGivesTheFirstRanksAndNothingToTheOthers) {
  const Communicator world = Communicator::world();
  const Communicator three = world.first(3);
  EXPECT_EQ(three.size(), world.rank() < 3 ? 3 : 0);
  EXPECT_EQ(three.rank(), three.size() > 0 ? world.rank() : 0);
}

TEST(Communicator, AnErrorOfOneRankReachesAllWithTheLowestRanksMessage) {
  for_rank_counts([](const Communicator& comm) {
    const int failing = comm.size() / 2;
    try {
      comm.together([&] {
        require(comm.rank() < failing, ExitStatus::resource, "rank " + std::to_string(comm.rank()) + " failed");
      });
      FAIL() << "nothing thrown";
    } catch (const CollectiveError& e) {
      EXPECT_EQ(e.status(), ExitStatus::resource);
      EXPECT_EQ(std::string(e.what()), "rank " + std::to_string(failing) + " failed");
    }
    EXPECT_NO_THROW(comm.together([] {}));
  });
}

// Whatever one rank throws, all learn of it: one that left alone would leave the others waiting.
TEST(Communicator, EveryExceptionOfOneRankReachesAll) {
  const std::vector<std::function<void()>> throwing = {[] { throw std::bad_alloc(); },
                                                       [] { throw std::length_error("vector"); },
                                                       [] { static_cast<void>(std::vector<int>().at(1)); },
                                                       [] { throw 7; }};
  for_rank_counts({1, 3}, [&](const Communicator& comm) {
    for (const auto& thrown : throwing) {
      try {
        comm.together([&] {
          if (comm.rank() == comm.size() - 1) thrown();
        });
        FAIL() << "nothing thrown";
      } catch (const CollectiveError& e) {
        EXPECT_EQ(e.status(), ExitStatus::resource);
      }
    }
  });
}

TEST(Communicator, GathersKeepRankOrder) {
  for_rank_counts([](const Communicator& comm) {
    const std::vector<std::string> texts = comm.gather(std::string(static_cast<std::size_t>(comm.rank()), 'x'));
    Matrix<double> own(comm.rank() % 3, 2);
    std::fill_n(own.data(), own.size(), comm.rank());
    const Matrix<double> rows = comm.gather_rows<double>(own.view());
    if (!comm.is_root()) {
      EXPECT_TRUE(texts.empty());
      return;
    }
    std::int64_t next = 0;
    for (int r = 0; r < comm.size(); ++r) {
      EXPECT_EQ(texts[static_cast<std::size_t>(r)].size(), static_cast<std::size_t>(r));
      for (int i = 0; i < r % 3; ++i) EXPECT_EQ(rows(next++, 1), r);
    }
    EXPECT_EQ(rows.rows(), next);
  });
}

TEST(Communicator, AllgatherRowsFillsEveryRanksRange) {
  for_rank_counts([](const Communicator& comm) {
    Matrix<float> all(11, 3);
    std::fill_n(all.data(), all.size(), -1.0f);
    const RowRange mine = row_range(11, comm.size(), comm.rank());
    for (std::int64_t i = mine.begin; i < mine.end; ++i) all(i, 2) = static_cast<float>(i);
    comm.allgather_rows(all.view());
    for (std::int64_t i = 0; i < 11; ++i) EXPECT_EQ(all(i, 2), static_cast<float>(i));
  });
}

TEST(Communicator, TextsAreBroadcastWhole) {
  for_rank_counts([](const Communicator& comm) {
    std::string text = comm.is_root() ? "w\xC3\xB6rter" : "something longer that goes";
    comm.broadcast(text);
    EXPECT_EQ(text, "w\xC3\xB6rter");
  });
}

TEST(Clock, OffsetsOnOneNodeAreSmall) {
  for_rank_counts([](const Communicator& comm) {
    const double offset = clock_offset(comm);
    EXPECT_LT(std::abs(offset), 1.0);
    EXPECT_TRUE(!comm.is_root() || offset == 0);
  });
}

TEST(Counts, WhatMpiCannotCountIsRefused) {
  EXPECT_EQ(message_count(2147483647), 2147483647);
  EXPECT_THROW(message_count(std::int64_t{2147483648}), Error);
}

}  // namespace
}  // namespace knowscale

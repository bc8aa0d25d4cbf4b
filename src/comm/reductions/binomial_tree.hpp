// SPDX-License-Identifier: BSD-3-Clause
// A broadcast down the binomial tree whose root is rank 0, in messages of our own.
#pragma once

#include <bit>

#include "comm/channel.hpp"

namespace knowscale {

// Messages that rank `rank` sends in it.
inline int broadcast_sends(int rank, int size) {
  int sends = 0;
  const int distance = rank == 0 ? static_cast<int>(std::bit_ceil(static_cast<unsigned>(size))) : rank & -rank;
  for (int step = distance / 2; step >= 1; step /= 2) sends += rank + step < size ? 1 : 0;
  return sends;
}

// Rank 0's rows on every rank. A rank r > 0 receives from r without its lowest bit, then sends to r plus each smaller
// power of two.
template <class A>
Exchange broadcast_down(const Channel& channel, MatrixView<A> rows) {
  const int rank = channel.rank(), size = channel.size();
  int distance = rank == 0 ? static_cast<int>(std::bit_ceil(static_cast<unsigned>(size))) : rank & -rank;
  if (rank != 0) co_await channel.receive<A>(rows, rank - distance, Tag::second);
  Requests sends;
  for (distance /= 2; distance >= 1; distance /= 2) {
    if (rank + distance < size) sends.add(channel.send<A>(rows, rank + distance, Tag::second));
  }
  co_await std::move(sends);
}

}  // namespace knowscale

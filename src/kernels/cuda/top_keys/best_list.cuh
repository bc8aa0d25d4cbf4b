// SPDX-License-Identifier: BSD-3-Clause
// The sorted list of a row's best keys, and the candidates of a chunk that enter it. All threads of a block of
// kListThreads work on one row and call together.
#pragma once

#include <instructions.cuh>

#include <cstdint>
#include <limits>

#include "kernels/cuda/runtime/numbers.cuh"
#include "kernels/top_keys.hpp"

namespace knowscale::cuda {

inline constexpr int kListThreads = 256;
inline constexpr int kListWarps = kListThreads / kLanesOfWarp;
inline constexpr int kScoresOfThread = 4;
inline constexpr int kMostCandidates = kListThreads * kScoresOfThread;
inline constexpr double kNoScore = -std::numeric_limits<double>::infinity();

// In shared memory. Keys are counted from the chunk's first.
struct Candidates {
  double scores[kMostCandidates];
  int keys[kMostCandidates];
  int found[kScoresOfThread * kListWarps];  // of so many groups of 32 scores
};

// Gathers those of the threads' scores that are above `least`; returns how many there are. scores[i] of a thread is
// that of key i * kListThreads + threadIdx.x. NaN is above nothing. A barrier must follow: sort() has one.
__device__ __forceinline__ int gather(const double (&scores)[kScoresOfThread], double least, Candidates& to) {
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kLanesOfWarp, warp = thread / kLanesOfWarp;
  unsigned above[kScoresOfThread];
  for (int i = 0; i < kScoresOfThread; ++i) {
    above[i] = ballot(scores[i] > least);
    if (lane == 0) to.found[i * kListWarps + warp] = count_ones(above[i]);
  }
  sync_block();
  int before = 0, group = 0;
  for (int i = 0; i < kScoresOfThread; ++i) {
    for (; group < i * kListWarps + warp; ++group) before += to.found[group];
    if ((above[i] >> lane & 1) == 0) continue;
    const int at = before + count_ones(above[i] & ((1u << lane) - 1));
    to.scores[at] = scores[i];
    to.keys[at] = i * kListThreads + thread;
  }
  for (; group < kScoresOfThread * kListWarps; ++group) before += to.found[group];
  return before;
}

// Highest score first, ties by the smaller key, by a bitonic network (Batcher, 1968) over the next power of two.
__device__ __forceinline__ void sort(Candidates& of, int count) {
  const int thread = static_cast<int>(threadIdx.x);
  int size = 1;
  while (size < count) size *= 2;
  for (int i = count + thread; i < size; i += kListThreads) {
    of.scores[i] = kNoScore;
    of.keys[i] = std::numeric_limits<int>::max();
  }
  sync_block();  // all are there
  for (int run = 2; run <= size; run *= 2) {
    for (int apart = run / 2; apart > 0; apart /= 2) {
      for (int pair = thread; pair < size / 2; pair += kListThreads) {
        const int a = 2 * pair - (pair & (apart - 1)), b = a + apart;
        const double first = of.scores[a], second = of.scores[b];
        const int first_key = of.keys[a], second_key = of.keys[b];
        const bool swapped = second > first || (second == first && second_key < first_key);
        if (swapped != ((a & run) == 0)) continue;
        of.scores[a] = second, of.scores[b] = first;
        of.keys[a] = second_key, of.keys[b] = first_key;
      }
      sync_block();
    }
  }
}

// How many of `count` sorted scores come before `score`: those above it, and where `ties` the equal ones.
template <class ScoreAt>
__device__ __forceinline__ std::int64_t before(double score, bool ties, std::int64_t count, const ScoreAt& score_at) {
  std::int64_t low = 0, high = count;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    const double other = score_at(middle);
    if (other > score || (ties && other == score)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Merges sorted candidates, 1 or more, into the list in place; returns how many keys it has then, `kept` at most. All
// candidates have larger keys than those listed: a tie stays behind. Entries move towards the end alone, so that the
// last ones go first, as many at a time as there are threads; those before the first candidate stay.
__device__ __forceinline__ std::int64_t insert(const Candidates& from, int count, std::int64_t first_key, TopKey* list,
                                               std::int64_t listed, std::int64_t kept) {
  const int thread = static_cast<int>(threadIdx.x);
  const auto listed_score = [&](std::int64_t i) { return list[i].score; };
  const auto candidate_score = [&](std::int64_t i) { return from.scores[i]; };
  const std::int64_t first = before(from.scores[0], true, listed, listed_score);
  std::int64_t places[kScoresOfThread];
  for (int i = 0; i < kScoresOfThread; ++i) {
    const int candidate = thread + i * kListThreads;
    places[i] = candidate < count ? candidate + before(from.scores[candidate], true, listed, listed_score) : kept;
  }
  for (std::int64_t end = listed; end > first; end -= kListThreads) {
    const std::int64_t i = end - kListThreads + thread;
    const bool moves = i >= first;
    TopKey entry;
    std::int64_t place = kept;
    if (moves) {
      entry = list[i];
      place = i + before(entry.score, false, count, candidate_score);
    }
    sync_block();  // what is overwritten has been read, by searches too
    if (place < kept) list[place] = entry;
  }
  for (int i = 0; i < kScoresOfThread; ++i) {
    const int candidate = thread + i * kListThreads;
    if (places[i] >= kept) continue;
    list[places[i]].key = first_key + from.keys[candidate];
    list[places[i]].score = from.scores[candidate];
  }
  return listed + count < kept ? listed + count : kept;
}

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
// Scores of a chunk of keys of each range, then a block of threads for each row and range that brings the row's list
// and sum up to date with them:
//
//   for some queries at a time
//     for each step                S[range][row][key of the chunk]
//       every score above the worst that is listed is gathered, sorted, and merged into the list
//       sum = sum exp(old - maximum) + sum over keys of exp(S - maximum)
//     ranges are merged on the host
//
// For keys in no order few are gathered once the list is full: about k log(m / k) in all. A score equal to the worst
// need not be: its key is larger than those listed, and a tie goes to the smaller one.
#include "kernels/cuda/top_keys/top_keys.hpp"

#include <launch.cuh>

#include <cmath>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "kernels/cuda/runtime/tiles.hpp"
#include "kernels/cuda/top_keys/best_list.cuh"
#include "kernels/cuda/top_keys/scores.cuh"

namespace knowscale::cuda {
namespace {

static_assert(kMostCandidates == kTopKeysChunk);

// One step, for `input.queries`. Row i heads + head is head `head` of query i.
template <class T>
struct ScoreTask {
  AttentionInput<T> input;
  std::int64_t ranges, step;
  double* scores;  // [ranges][rows][kTopKeysChunk]
};

// blockIdx: key tile of the chunk; row tile of a key/value head; range.
template <class T>
__global__ void __launch_bounds__(kScoreThreads, 2) score_keys(ScoreTask<T> task) {
  const HeadShape& shape = task.input.shape;
  const std::int64_t row_tiles = gridDim.y / shape.kv_heads, range = blockIdx.z;
  RowRange keys = top_keys_chunk(task.input.keys.rows, task.ranges, range, task.step);
  keys.begin += std::int64_t{blockIdx.x} * kScoreTile;
  if (keys.begin >= keys.end) return;
  const ScoreTile<T> tile = {task.input, keys, blockIdx.y / row_tiles, blockIdx.y % row_tiles * kScoreTile};
  const ThreadScores scores = products_of(tile, reinterpret_cast<ScoreStep*>(shared_memory()));
  for (int i = 0; i < kScoreSide; ++i) {
    const int row = scores.row(i);
    if (!tile.has_row(row)) continue;
    const std::int64_t list = (range * task.input.queries.rows + tile.query(row)) * shape.heads + tile.head(row);
    double* to = task.scores + list * kTopKeysChunk + blockIdx.x * kScoreTile;
    for (int j = 0; j < kScoreSide; ++j) {
      const int key = scores.key(j);
      if (key < keys.size()) to[key] = rounded_product(scores.sums[i][j], task.input.scale);
    }
  }
}

struct Larger {
  __device__ __forceinline__ double operator()(double a, double b) const { return a > b ? a : b; }
};
struct Sum {
  __device__ __forceinline__ double operator()(double a, double b) const { return a + b; }
};

// The same for all threads of the block, combined in a fixed order.
template <class Combine>
__device__ __forceinline__ double combined(double x, const Combine& combine, double (&of_warps)[kListWarps]) {
  for (int mask = kLanesOfWarp / 2; mask > 0; mask /= 2) x = combine(x, shuffle_xor(x, mask));
  if (threadIdx.x % kLanesOfWarp == 0) of_warps[threadIdx.x / kLanesOfWarp] = x;
  sync_block();
  x = of_warps[0];
  for (int warp = 1; warp < kListWarps; ++warp) x = combine(x, of_warps[warp]);
  return x;
}

struct ListShared {
  Candidates candidates;
  double maxima[kListWarps];
  double sums[kListWarps];
};

struct ListTask {
  std::int64_t keys, ranges, step;
  const double* scores;
  std::int64_t kept;
  TopKey* lists;         // [ranges][rows][kept]
  TopKeysState* states;  // [ranges][rows]
};

// Brings the sum up to date. Where a score is NaN or the maximum infinite the sum is NaN; where all are -inf it is 0.
__device__ __forceinline__ void add_weights(const double (&scores)[kScoresOfThread], TopKeysState& state,
                                            ListShared& shared) {
  double maximum = state.maximum, sum = 0;
  for (const double score : scores) maximum = score > maximum ? score : maximum;
  maximum = combined(maximum, Larger(), shared.maxima);
  const double reference = maximum == kNoScore ? 0 : maximum;
  for (const double score : scores) sum += exp(score - reference);
  sum = combined(sum, Sum(), shared.sums);
  state.sum = fused_multiply_add(state.sum, exp(state.maximum - reference), sum);
  state.maximum = maximum;
}

// blockIdx: row; range.
__global__ void __launch_bounds__(kListThreads) list_keys(ListTask task) {
  auto& shared = *reinterpret_cast<ListShared*>(shared_memory());
  const RowRange keys = top_keys_chunk(task.keys, task.ranges, blockIdx.y, task.step);
  if (keys.size() == 0 && task.step > 0) return;
  const std::int64_t at = std::int64_t{blockIdx.y} * gridDim.x + blockIdx.x;
  const double* from = task.scores + at * kTopKeysChunk;
  TopKey* list = task.lists + at * task.kept;
  TopKeysState state = {kNoScore, 0, 0};
  if (task.step > 0) state = task.states[at];

  double scores[kScoresOfThread];
  for (int i = 0; i < kScoresOfThread; ++i) {
    const std::int64_t key = i * kListThreads + static_cast<std::int64_t>(threadIdx.x);
    scores[i] = key < keys.size() ? from[key] : kNoScore;
  }
  const double least = state.listed == task.kept ? list[task.kept - 1].score : kNoScore;
  add_weights(scores, state, shared);
  const int count = gather(scores, least, shared.candidates);
  if (count > 0) {
    sort(shared.candidates, count);
    state.listed = insert(shared.candidates, count, keys.begin, list, state.listed, task.kept);
  }
  if (threadIdx.x == 0) task.states[at] = state;
}

// Fills lists and states of all rows of `input`.
template <class T>
void list_all(const AttentionInput<T>& input, std::int64_t kept, std::int64_t ranges, TopKeysScratch& scratch,
              const Stream& stream) {
  const HeadShape& shape = input.shape;
  const std::int64_t rows = input.queries.rows * shape.heads, lists = ranges * rows;
  scratch.scores.reserve(lists * kTopKeysChunk);
  scratch.lists.reserve(lists * kept);
  scratch.states.reserve(lists);
  const std::int64_t longest = row_range(input.keys.rows, ranges, 0).size();
  const unsigned row_tiles = blocks_of(rows / shape.kv_heads, kScoreTile) * static_cast<unsigned>(shape.kv_heads);
  for (std::int64_t step = 0; step * kTopKeysChunk < longest; ++step) {
    const std::int64_t chunk = std::min(longest - step * kTopKeysChunk, kTopKeysChunk);
    const dim3 tiles(blocks_of(chunk, kScoreTile), row_tiles, static_cast<unsigned>(ranges));
    launch(score_keys<T>, Grid{tiles, dim3(kScoreThreads), 2 * sizeof(ScoreStep)}, stream,
           ScoreTask<T>{input, ranges, step, scratch.scores.data()});
    const dim3 rows_of_ranges(static_cast<unsigned>(rows), static_cast<unsigned>(ranges));
    launch(list_keys, Grid{rows_of_ranges, dim3(kListThreads), sizeof(ListShared)}, stream,
           ListTask{input.keys.rows, ranges, step, scratch.scores.data(), kept, scratch.lists.data(),
                    scratch.states.data()});
  }
}

template <class N>
std::vector<N> download(const DeviceBuffer<N>& from, std::int64_t count, const Stream& stream) {
  std::vector<N> to(static_cast<std::size_t>(count));
  check(cudaMemcpyAsync(to.data(), from.data(), to.size() * sizeof(N), cudaMemcpyDeviceToHost, stream),
        "cudaMemcpyAsync");
  stream.wait();
  return to;
}

// The lists of all ranges as one.
TopKeys merged(std::int64_t rows, std::int64_t kept, std::int64_t ranges, const TopKeysScratch& scratch,
               const Stream& stream) {
  const std::vector<TopKey> lists = download(scratch.lists, ranges * rows * kept, stream);
  const std::vector<TopKeysState> states = download(scratch.states, ranges * rows, stream);
  TopKeys all(rows, kept);
  for (std::int64_t range = 0; range < ranges; ++range) {
    TopKeys part(rows, kept);
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t at = range * rows + row;
      const TopKeysState& state = states[static_cast<std::size_t>(at)];
      std::copy_n(lists.data() + at * kept, state.listed, part.row(row));
      part.lse[static_cast<std::size_t>(row)] = state.maximum + std::log(state.sum);
    }
    knowscale::merge(all, part);
  }
  return all;
}

}  // namespace

template <class T>
TopKeys top_keys(const AttentionInput<T>& input, std::int64_t count, const TopKeysSplit& split, TopKeysScratch& scratch,
                 const Stream& stream) {
  require(count >= 1, ExitStatus::usage, "top keys: a count of " + std::to_string(count) + "; ask for 1 or more");
  require(input.mask.hides_nothing(), ExitStatus::usage, "top keys are found without a mask: give one that hides none");
  const std::int64_t n = input.queries.rows, m = input.keys.rows, heads = input.shape.heads;
  TopKeys out(n * heads, count);
  if (m == 0) return out;
  const std::int64_t kept = std::min(count, m);
  for (std::int64_t first = 0; first < n; first += split.queries) {
    AttentionInput<T> tile = input;
    tile.queries = input.queries.slice_rows({first, std::min(first + split.queries, n)});
    list_all(tile, kept, split.ranges, scratch, stream);
    const TopKeys found = merged(tile.queries.rows * heads, kept, split.ranges, scratch, stream);
    for (std::int64_t row = 0; row < found.rows(); ++row) {
      std::copy_n(found.row(row), kept, out.row(first * heads + row));
    }
    std::copy(found.lse.begin(), found.lse.end(), out.lse.begin() + first * heads);
  }
  return out;
}

template <class T>
TopKeys top_keys(const AttentionInput<T>& input, std::int64_t count, TopKeysScratch& scratch, const Stream& stream) {
  const std::int64_t m = input.keys.rows, kept = std::clamp<std::int64_t>(count, 1, std::max<std::int64_t>(m, 1));
  return top_keys(input, count, split_top_keys(input.queries.rows, m, input.shape.heads, kept), scratch, stream);
}

template TopKeys top_keys(const AttentionInput<float>&, std::int64_t, TopKeysScratch&, const Stream&);
template TopKeys top_keys(const AttentionInput<float>&, std::int64_t, const TopKeysSplit&, TopKeysScratch&,
                          const Stream&);
template TopKeys top_keys(const AttentionInput<double>&, std::int64_t, TopKeysScratch&, const Stream&);
template TopKeys top_keys(const AttentionInput<double>&, std::int64_t, const TopKeysSplit&, TopKeysScratch&,
                          const Stream&);
template TopKeys top_keys(const AttentionInput<Bf16>&, std::int64_t, TopKeysScratch&, const Stream&);
template TopKeys top_keys(const AttentionInput<Bf16>&, std::int64_t, const TopKeysSplit&, TopKeysScratch&,
                          const Stream&);
template TopKeys top_keys(const AttentionInput<F16>&, std::int64_t, TopKeysScratch&, const Stream&);
template TopKeys top_keys(const AttentionInput<F16>&, std::int64_t, const TopKeysSplit&, TopKeysScratch&,
                          const Stream&);

}  // namespace knowscale::cuda

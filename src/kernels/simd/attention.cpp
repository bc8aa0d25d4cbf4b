// SPDX-License-Identifier: BSD-3-Clause
// Who does what: threads divide the keys first, so that a thread reads what it placed in memory and one query with one
// head still uses all of them; then the queries. States of key ranges merge in a fixed order.
//
//              keys ->  | thread 0 | thread 1 |         out       <- range 0
//   queries, heads      |   ...    |   ...    |         others[0] <- range 1, merged into out at the end
#include "kernels/simd/attention.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/partial.hpp"
#include "kernels/simd/stream.hpp"
#include "kernels/simd/tiles.hpp"
#include "kernels/threads.hpp"

namespace knowscale::simd {
namespace {

// A merge of two states costs per row as much as about 20 keys do: below a share of some thousand keys per thread,
// other divisions are better where there are any.
constexpr std::int64_t kShareOfKeys = 4096;

struct Division {
  std::int64_t key_ranges;
  std::int64_t query_blocks;  // of each key/value head
};

Division divide(std::int64_t rows, std::int64_t kv_heads, std::int64_t keys, std::int64_t query_block, int threads) {
  const std::int64_t least_blocks = std::max<std::int64_t>((rows + query_block - 1) / query_block, 1);
  std::int64_t ranges = std::clamp<std::int64_t>(keys / kShareOfKeys, 1, threads);
  while (threads % ranges != 0) --ranges;
  // Blocks so that the threads that share a key range have equal work; where queries are too few, more key ranges.
  const std::int64_t sharers = threads / ranges;
  std::int64_t blocks = least_blocks;
  while (blocks * kv_heads % sharers != 0 && blocks * query_block / 8 < rows) ++blocks;
  if (blocks * kv_heads % sharers == 0) return {ranges, blocks};
  if (least_blocks * kv_heads >= 4 * sharers) return {ranges, least_blocks};
  return {std::clamp<std::int64_t>(keys / 64, 1, threads), least_blocks};
}

template <class T>
void compute_with(double slack, const AttentionInput<T>& input, MatrixView<Accumulator<T>> out,
                  const Threads& threads) {
  const HeadShape& shape = input.shape;
  const std::int64_t rows = input.queries.rows * (shape.heads / shape.kv_heads), keys = input.keys.rows;
  const Precision stored = input.keys.in_bytes() ? input.keys.bytes.layout.format : precision_of<T>;
  const Way& way = (input.same_bits ? ways_of_hardware() : ways()).of(stored, rows);
  const Tiles tiles = choose_tiles(input, way);
  const Division division = divide(rows, shape.kv_heads, keys, tiles.queries, threads.count());
  std::vector<Partial<Accumulator<T>>> others;
  for (std::int64_t range = 1; range < division.key_ranges; ++range) others.emplace_back(input.queries.rows, shape);

  const std::int64_t per_range = division.query_blocks * shape.kv_heads;
  threads.parallel_for(division.key_ranges * per_range, [&](std::int64_t task) {
    const std::int64_t range = task / per_range, kv_head = task % per_range / division.query_blocks;
    const RowRange block = row_range(rows, division.query_blocks, task % division.query_blocks);
    if (block.size() == 0) return;
    run(Pass<T>{input,
                {shape, kv_head, block.begin, block.size()},
                row_range(keys, division.key_ranges, range),
                tiles.keys,
                threads,
                range == 0 ? out : others[static_cast<std::size_t>(range - 1)].rows(),
                way,
                slack});
  });
  threads.parallel_for(others.empty() ? 0 : threads.count(), [&](std::int64_t part) {
    const RowRange mine = row_range(out.rows, threads.count(), part);
    for (const auto& other : others) merge<Accumulator<T>>(out.slice_rows(mine), other.rows().slice_rows(mine));
  });
}

// Whether sums of weights and of weighted values are.
template <class L>
bool finite(MatrixView<const L> states, const Threads& threads) {
  constexpr std::int64_t kLeastNumbers = 1 << 15;  // worth another thread
  const std::int64_t parts = std::clamp<std::int64_t>(states.size() / kLeastNumbers, 1, threads.count());
  std::atomic<bool> all = true;
  threads.parallel_for(parts, [&](std::int64_t part) {
    const RowRange mine = row_range(states.rows, parts, part);
    bool fine = true;
    for (std::int64_t i = mine.begin; i < mine.end; ++i) {
      const L* row = states.row(i);
      // Every number, in vectors.
      for (std::int64_t j = 0; j + 1 < states.cols; ++j) fine &= std::abs(row[j]) <= std::numeric_limits<L>::max();
    }
    if (!fine) all = false;
  });
  return all;
}

template <class T>
double compute_state(const AttentionInput<T>& input, MatrixView<Accumulator<T>> out, const Threads& threads) {
  compute_with(kSlack, input, out, threads);
  if (!finite<Accumulator<T>>(out, threads)) compute_with(kNoSlack, input, out, threads);
  return 0;
}

}  // namespace

constinit const ByPrecision<ComputeState> compute =
    by_precision<ComputeState>([]<class T>() { return compute_state<T>; });

std::int64_t scratch_bytes(Precision precision, const HeadShape& shape, int threads) {
  return threads * tiles_scratch_bytes(shape, precision == Precision::f64 ? sizeof(double) : sizeof(float));
}

}  // namespace knowscale::simd

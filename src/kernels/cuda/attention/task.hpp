// SPDX-License-Identifier: BSD-3-Clause
// What one launch of an attention kernel works on, as a plain value of device pointers, and how its work is divided.
//
// The heads of a group share their keys, so a kernel sees them as rows of one tile: row r of key/value head `kv` is
// query r / group, head kv group + r mod group.
#pragma once

#include <cstdint>

namespace knowscale::cuda {

template <class T>
struct AttentionTask {
  const T* queries = nullptr;                                       // n rows, `heads` times a padded width
  const T* keys = nullptr;                                          // m rows, kv_heads times a padded width
  const T* values = nullptr;                                        // likewise; none: the keys are their own values
  std::int64_t query_stride = 0, key_stride = 0, value_stride = 0;  // numbers from row to row
  int query_count = 0;
  int key_count = 0;
  int kv_heads = 1;
  int group = 1;         // query heads a key/value head
  float scale_log2 = 1;  // scale log2(e), > 0
  bool causal = false;   // query i sees keys up to i + offset
  std::int64_t offset = 0;
  const std::uint8_t* visible = nullptr;  // m bytes, or none
  int value_dim = 0;                      // columns of a value that are written
  int keys_a_split = 0;                   // blocks with z = s work on keys [s, s + 1) keys_a_split
  float* out = nullptr;                   // n heads rows [o | l | m] for each split, one after another

  constexpr int heads() const { return kv_heads * group; }
  constexpr int rows() const { return query_count * group; }  // of a key/value head
};

// How the keys are divided between blocks where tiles of queries alone would leave multiprocessors idle.
struct Splits {
  int count = 1;
  int keys = 0;  // of each but the last; a multiple of the key block
};

// tiles: blocks that one split has; slots: blocks that the device runs at a time. Takes the least number of splits
// whose last wave is as full as the best division's within 15 % (after the heuristic of FlashAttention's split-KV).
Splits split_keys(std::int64_t tiles, std::int64_t key_count, int key_block, std::int64_t slots);

}  // namespace knowscale::cuda

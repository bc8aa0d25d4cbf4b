// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/top_keys/from_host.hpp"

#include "kernels/cuda/runtime/placed_rows.hpp"
#include "kernels/cuda/runtime/rank_device.hpp"
#include "kernels/cuda/runtime/staging.hpp"
#include "kernels/cuda/top_keys/top_keys.hpp"

namespace knowscale::cuda {
namespace {

// Buffers of one call at a time.
struct Workspace {
  Staging queries, keys;
  TopKeysScratch scratch;
};

// The same queries and keys on the device. Queries take the width of the keys' heads: the zeros that both are padded
// with come last in every score, and leave its bits as they are.
template <class T>
AttentionInput<T> place_all(RankDevice& device, Workspace& workspace, const AttentionInput<T>& input) {
  const HeadShape& shape = input.shape;
  const PlacedRows<T> keys = place(device, workspace.keys, input.keys, shape.kv_heads, shape.key_dim);
  const HeadLayout layout = {shape.heads, shape.key_dim, keys.width};
  const PlacedRows<T> queries = place(device, workspace.queries, input.queries, layout);
  AttentionInput<T> placed = input;
  placed.shape.key_dim = keys.width;
  placed.queries = {queries.data, input.queries.rows, layout.stride(), queries.stride};
  placed.keys = MatrixView<const T>{keys.data, input.keys.rows, shape.kv_heads * keys.width, keys.stride};
  placed.values = {};
  return placed;
}

template <class T>
TopKeys find_top_keys(const AttentionInput<T>& input, std::int64_t count, const Threads&) {
  static Workspace workspace;  // used under the device's lock
  RankDevice& device = RankDevice::in_use();
  const auto lock = device.enter();
  const AttentionInput<T> placed = place_all(device, workspace, input);
  return top_keys(placed, count, workspace.scratch, device.stream());
}

}  // namespace

constinit const ByPrecision<FindTopKeys> top_keys_from_host =
    by_precision<FindTopKeys>([]<class T>() { return find_top_keys<T>; });

}  // namespace knowscale::cuda

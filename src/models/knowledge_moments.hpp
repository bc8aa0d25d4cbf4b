// SPDX-License-Identifier: BSD-3-Clause
// The d_h x d_h moments through which the knowledge enters `moment`, `linear` and `equivariant`.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/fixed_point.hpp"
#include "models/model.hpp"

namespace knowscale {

// Means over the knowledge, of each key/value head; d_h: its width.
enum class Moment {
  metric,  // k k^T / (1 + |k|^2 / d_h)
  map,     // k v^T / sqrt(1 + |k|^2 / d_h)
  plain    // k v^T
};

template <class T>
class KnowledgeMoments {
  using A = Accumulator<T>;

 public:
  // `kinds` stays. Where the case's reduction is `reproducible`, the moments have the same bits for every number of
  // ranks and threads: those of fixed chunks are added as fixed-point numbers, whose sums do not depend on their order
  // (as Demmel & Nguyen 2013 pre-round). `on_device`: the shard is summed on the device of this rank, as its kernels of
  // attention run there; what the ranks exchange stays the same.
  KnowledgeMoments(const Problem<T>& problem, std::span<const Moment> kinds, bool on_device);

  // Makes them of all ranks' shards. Collective, blocking. Returns the seconds of compute.
  double update();

  // d_h x d_h, of the kind at that place of `kinds`; the same view after every update.
  MatrixView<const A> of(std::size_t kind, std::int64_t kv_head) const;

 private:
  MatrixView<const T> keys_of(std::int64_t kv_head) const;
  MatrixView<const T> values_of(std::size_t kind, std::int64_t kv_head) const;
  void add_chunk(RowRange rows, MatrixView<A> chunk) const;
  void sum_shard();
  void sum_shard_on_device();
  double sum_plainly();
  double sum_exactly();
  double largest_term(std::size_t kind) const;
  // The shard's sums, a high and a low part for each number.
  std::vector<std::int64_t> exact_sums(std::span<const FixedPoint> formats) const;
  std::vector<std::int64_t> exact_sums_on_device(std::span<const FixedPoint> formats);
  void add_exactly(const A* of_chunk, RowRange numbers, std::span<const FixedPoint> formats,
                   std::vector<std::int64_t>& sums) const;
  template <class Take>
  void for_device_sums(std::int64_t chunk, std::int64_t chunks_at_once, const Take& take);

  Problem<T> problem_;
  std::span<const Moment> kinds_;
  HeadShape shape_;
  bool on_device_;
  Matrix<A> moments_;      // row (kind, head, i) of d_h numbers
  Matrix<A> device_sums_;  // of some chunks, as the device gave them
};

}  // namespace knowscale

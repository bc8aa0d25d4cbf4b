// SPDX-License-Identifier: BSD-3-Clause
// The d_h x d_h moments through which the knowledge enters `moment`, `linear` and `equivariant`.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/engine.hpp"
#include "models/model.hpp"

namespace knowscale {

// Means over the knowledge, of each key/value head; d_h: its width.
inline constexpr MomentKind kMetric = {MomentWeight::metric, true};  // k k^T / (1 + |k|^2 / d_h)
inline constexpr MomentKind kMap = {MomentWeight::map, false};       // k v^T / sqrt(1 + |k|^2 / d_h)
inline constexpr MomentKind kPlain = {MomentWeight::plain, false};   // k v^T

template <class T>
class KnowledgeMoments {
  using A = Accumulator<T>;

 public:
  // `kinds` stays. Where the case's reduction is `reproducible`, the moments have the same bits for every number of
  // ranks and threads: those of fixed chunks are added as fixed-point numbers, whose sums do not depend on their order
  // (as Demmel & Nguyen 2013 pre-round). `engine` sums the shard, such as that of the case's kernel; what the ranks
  // exchange stays the same.
  KnowledgeMoments(const Problem<T>& problem, std::span<const MomentKind> kinds, const Engine& engine);

  // Makes them of all ranks' shards. Collective, blocking.
  Phases update();

  // d_h x d_h, of the kind at that place of `kinds`; the same view after every update.
  MatrixView<const A> of(std::size_t kind, std::int64_t kv_head) const;

 private:
  Phases sum_plainly();
  Phases sum_exactly();
  double largest_term(const MomentKind& kind) const;

  Problem<T> problem_;
  std::span<const MomentKind> kinds_;
  const Engine& engine_;
  MomentRows<T> rows_;  // of this rank's shard
  Matrix<A> moments_;   // row (kind, head, i) of d_h numbers
};

}  // namespace knowscale

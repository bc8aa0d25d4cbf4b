// SPDX-License-Identifier: BSD-3-Clause
// The queries in tiles: where exchange is overlapped, one tile's states are merged beside computing the next one's.
//
//   compute   | tile 0 | tile 1 | tile 2 |
//   exchange           | tile 0 | tile 1 | tile 2 |      two slots, so that each has buffers of its own
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "comm/clock.hpp"
#include "comm/reductions/state_merge.hpp"
#include "kernels/threads.hpp"

namespace knowscale {

// Runs a StateMerge over all tiles. The class says where it leaves results (kNatural) and at multiples of how many
// queries its tiles begin (kGranule).
template <class T, class Merge>
class InTiles : public PreparedAttention<T> {
  using A = Accumulator<T>;

 public:
  explicit InTiles(const ShardedAttention<T>& attention)
      : attention_(attention), tiles_(query_tiles(shape_of(attention), Merge::kNatural, Merge::kGranule)) {
    std::int64_t most = 0;
    for (const QueryTile& tile : tiles_) most = std::max(most, tile.queries());
    const bool contiguous = std::all_of(tiles_.begin(), tiles_.end(), [](const auto& t) { return t.contiguous(); });
    const auto& sources = attention.sources;
    by_piece_ = !contiguous && std::any_of(sources.begin(), sources.end(), [](const ShardedKeys<T>& source) {
      return source.own.mask.depends_on_query();
    });
    attention_.options.overlap = attention_.options.overlap && tiles_.size() > 1;
    if (!contiguous && !by_piece_) gathered_ = Matrix<T>(most, attention.input.queries.cols);
    const std::size_t slots = attention_.options.overlap ? 2 : 1;
    for (std::size_t i = 0; i < slots; ++i) {
      slots_.emplace_back().merge = std::make_unique<Merge>(attention_, most * attention.input.shape.heads);
    }
  }

  Phases run(MatrixView<A> output) override {
    Phases phases;
    const auto polling = attention_.threads.while_polling([this] { poll(); });
    for (std::size_t t = 0; t < tiles_.size(); ++t) {
      Slot& slot = slots_[t % slots_.size()];
      finish(slot, output, phases);
      compute(tiles_[t], slot, phases);
      slot.tile = &tiles_[t];
      slot.of_rank = slot.tile->rows_of_ranks(attention_.input.shape.heads);
      slot.exchange = slot.merge->merge(slot.of_rank);
      if (!attention_.options.overlap) finish(slot, output, phases);
    }
    for (std::size_t i = 0; i < slots_.size(); ++i) finish(slots_[(tiles_.size() + i) % slots_.size()], output, phases);
    if (Merge::kNatural == Placement::sharded && attention_.options.placement == Placement::replicated) {
      attention_.comm.allgather_rows(output);
    }
    return phases;
  }

 private:
  struct Slot {
    std::unique_ptr<Merge> merge;
    const QueryTile* tile = nullptr;  // whose exchange is under way
    std::vector<RowRange> of_rank;
    Exchange exchange;
    double done = 0;  // when it was found complete
  };

  static ReductionShape shape_of(const ShardedAttention<T>& attention) {
    ReductionShape shape;
    shape.ranks = attention.comm.size();
    shape.queries = attention.input.queries.rows;
    shape.options = attention.options;
    return shape;
  }

  void poll() {
    for (Slot& slot : slots_) {
      if (slot.tile != nullptr && slot.done == 0 && slot.exchange.complete()) slot.done = now();
    }
  }

  void compute(const QueryTile& tile, Slot& into, Phases& phases) {
    const double start = now();
    into.merge->begin(tile.queries());
    if (by_piece_) {
      std::int64_t row = 0;
      for (const RowRange& piece : tile.pieces) {
        compute(attention_.input.queries.slice_rows(piece), piece.begin, row, into);
        row += piece.size() * attention_.input.shape.heads;
      }
    } else {
      compute(queries_of(tile), tile.pieces.front().begin, 0, into);
    }
    const double end = now();
    phases.compute += end - start;
    for (const Slot& slot : slots_) {
      if (slot.tile != nullptr) phases.hidden += (slot.done == 0 ? end : std::max(slot.done, start)) - start;
    }
  }

  void compute(MatrixView<const T> queries, std::int64_t first_query, std::int64_t row, Slot& into) {
    AttentionInput<T> input = attention_.input;
    input.queries = queries;
    input.mask.first_query += first_query;
    into.merge->compute(input, row);
  }

  MatrixView<const T> queries_of(const QueryTile& tile) {
    const MatrixView<const T> all = attention_.input.queries;
    if (tile.contiguous()) return all.slice_rows({tile.pieces.front().begin, tile.pieces.back().end});
    T* to = gathered_.data();
    for (const RowRange& piece : tile.pieces) {
      for (std::int64_t i = piece.begin; i < piece.end; ++i) to = std::copy_n(all.row(i), all.cols, to);
    }
    return gathered_.view().slice_rows({0, tile.queries()});
  }

  // Waits for the slot's exchange and writes what it brought to the output.
  void finish(Slot& slot, MatrixView<A> output, Phases& phases) {
    if (slot.tile == nullptr) return;
    slot.exchange.wait();
    const double start = now();
    const std::int64_t heads = attention_.input.shape.heads, width = attention_.input.shape.value_dim;
    const std::size_t own = static_cast<std::size_t>(attention_.comm.rank());
    const RowRange merged = slot.tile->pieces[Merge::kNatural == Placement::sharded ? own : 0];
    RowRange wanted = merged;
    if (attention_.options.placement == Placement::sharded) {
      const RowRange mine = row_range(output.rows, attention_.comm.size(), attention_.comm.rank());
      wanted = {std::max(merged.begin, mine.begin),
                std::max(std::min(merged.end, mine.end), std::max(merged.begin, mine.begin))};
    }
    const RowRange rows = {(wanted.begin - merged.begin) * heads, (wanted.end - merged.begin) * heads};
    // Row (query, head) of the state is head `head` of the query's output row.
    normalise<A>(slot.merge->merged().slice_rows(rows), {output.row(wanted.begin), rows.size(), width, width},
                 attention_.threads);
    slot.tile = nullptr;
    slot.done = 0;
    phases.compute += now() - start;
    phases.copied += slot.merge->take_copied();
  }

  ShardedAttention<T> attention_;
  std::vector<QueryTile> tiles_;
  bool by_piece_ = false;  // a mask asks which query is which: neighbours alone are computed together
  Matrix<T> gathered_;     // queries of a tile that are not neighbours
  std::vector<Slot> slots_;
};

template <class T, template <class> class Merge>
std::unique_ptr<PreparedAttention<T>> prepare_in_tiles(const ShardedAttention<T>& attention) {
  return std::make_unique<InTiles<T, Merge<T>>>(attention);
}

// prepare of the table.
template <template <class> class Merge>
constexpr ByPrecision<PrepareAttention> prepared_in_tiles() {
  return by_precision<PrepareAttention>([]<class T>() { return prepare_in_tiles<T, Merge>; });
}

}  // namespace knowscale

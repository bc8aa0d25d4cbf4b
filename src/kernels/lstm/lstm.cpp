// SPDX-License-Identifier: BSD-3-Clause
// A task of a step owns one panel: the four gates of the same few hidden units, so that it goes from the
// products to the new state of these units without meeting other threads.
#include "kernels/lstm/lstm.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <functional>
#include <utility>
#include <vector>

// foreach_target.h includes this file again for every target; what has no vectors is declared once.
#ifndef KNOWSCALE_KERNELS_LSTM_STEP
#define KNOWSCALE_KERNELS_LSTM_STEP
namespace knowscale {

// B x K numbers times packed weights.
template <class T>
struct LstmTerm {
  MatrixView<const T> left;  // empty: no product
  const PackedMatrix<T>* weights;
};

// One step of all B sequences: gates = start + sum of the terms (inputs W and hidden U).
template <class T>
struct LstmStep {
  MatrixView<const T> start;  // B x 4H; stride 0 where all sequences start from the bias
  std::array<LstmTerm<T>, 2> terms;
  MatrixView<T> cell;
  MatrixView<T> next_hidden;  // not the hidden state among the terms, which other tasks still read
};

}  // namespace knowscale
#endif  // KNOWSCALE_KERNELS_LSTM_STEP

#define KNOWSCALE_ARRAYS_OF_VECTORS  // accumulators
#include "kernels/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lstm/lstm.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include <hwy/cache_control.h>
#include <hwy/contrib/math/math-inl.h>

#include "kernels/lstm/panel-inl.hpp"
#include "kernels/threads.hpp"

HWY_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {

// 1 / (1 + e^-x) by e^-|x|, which cannot overflow. Highway's exp takes NaN for a large negative number.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid(D d, V x) {
  const V e = hn::Exp(d, hn::Neg(hn::Abs(x)));
  const V positive = hn::Div(hn::Set(d, hn::TFromD<D>{1}), hn::Add(e, hn::Set(d, hn::TFromD<D>{1})));
  const V result = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(e, positive), positive);
  return hn::IfThenElse(hn::IsNaN(x), x, result);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V tanh(D d, V x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Tanh(d, x));
}

// One vector of gates: the products of a tile, four streams a row, and where their sums started from.
template <class T>
struct GateTile {
  const T* products;  // rows x 4 x kLanes
  RowRange rows;
  std::int64_t unit;
};

// The new state of the units of a tile. Out of line: inlined into every tile size, it took GCC
// six minutes with sanitizers on.
template <class T>
HWY_NOINLINE void update_units(const LstmStep<T>& step, const GateTile<T>& tile) {
  const PanelTag<T> d;
  const std::int64_t units = step.cell.cols, count = units - tile.unit;
  const T* products = tile.products;
  for (std::int64_t row = tile.rows.begin; row < tile.rows.end; ++row, products += kStreams * PackedMatrix<T>::kLanes) {
    const T* start = step.start.row(row) + tile.unit;
    const auto gate = [&](int s) HWY_ATTR {
      return hn::Add(hn::Load(d, products + s * PackedMatrix<T>::kLanes), load_first(d, start + s * units, count));
    };
    T* cell = step.cell.row(row) + tile.unit;
    const auto kept = hn::Mul(sigmoid(d, gate(1)), load_first(d, cell, count));
    const auto next = hn::MulAdd(sigmoid(d, gate(0)), tanh(d, gate(2)), kept);
    store_first(next, d, cell, count);
    store_first(hn::Mul(sigmoid(d, gate(3)), tanh(d, next)), d, step.next_hidden.row(row) + tile.unit, count);
  }
}

// products[r][s] = inputs W + hidden U: rows from `first` on, S streams from `stream` on, one vector of units.
template <int R, int S, class T>
HWY_INLINE void multiply_gates(const LstmStep<T>& step, std::int64_t unit, std::int64_t first, int stream,
                               T (&products)[R][kStreams][PackedMatrix<T>::kLanes]) {
  const PanelTag<T> d;
  constexpr std::int64_t kLanes = PackedMatrix<T>::kLanes;
  const std::int64_t panel = unit / kLanes, lane = unit % kLanes;
  const RowRange rows = {first, first + R};
  PanelVec<T> sums[R][S];
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int s = 0; s < S; ++s) sums[r][s] = hn::Zero(d);
  }
  for (const auto& [left, weights] : step.terms) {
    if (left.size() > 0) multiply_add(left.slice_rows(rows), weights->panel(panel, stream) + lane, sums);
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int s = 0; s < S; ++s) hn::Store(sums[r][s], d, products[r][stream + s]);
  }
}

// The units of one panel for a tile of sequences. `start` is fetched while the products run: as their initial
// value it came from memory one line at a time (H = 256, B = 32: 54 ms for 512 steps instead of 44); to fetch
// it one step ahead gained nothing.
template <int R, class T>
HWY_INLINE void step_tile(const LstmStep<T>& step, std::int64_t panel, std::int64_t first) {
  constexpr auto kVector = static_cast<std::int64_t>(hn::MaxLanes(PanelTag<T>()));
  constexpr std::int64_t kLanes = PackedMatrix<T>::kLanes;
  const std::int64_t units = step.cell.cols;
  alignas(kAlignment) T products[R][kStreams][kLanes];
  for (std::int64_t unit = panel * kLanes; unit < std::min((panel + 1) * kLanes, units); unit += kVector) {
    for (std::int64_t r = 0; r < R; ++r) {
      for (int s = 0; s < kStreams; ++s) hwy::Prefetch(step.start.row(first + r) + s * units + unit);
    }
    for (int stream = 0; stream < kStreams; stream += kStreamsAtOnce<R>)
      multiply_gates<R, kStreamsAtOnce<R>>(step, unit, first, stream, products);
    update_units<T>(step, {&products[0][0][0], {first, first + R}, unit});
  }
}

template <class T>
void step_panel(const LstmStep<T>& step, std::int64_t panel) {
  for_row_tiles(step.cell.rows,
                [&](auto rows, std::int64_t first) { step_tile<decltype(rows)::value>(step, panel, first); });
}

void step_panel_f32(const LstmStep<float>& step, std::int64_t panel) { step_panel(step, panel); }
void step_panel_f64(const LstmStep<double>& step, std::int64_t panel) { step_panel(step, panel); }

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace knowscale {
namespace {

HWY_EXPORT(step_panel_f32);
HWY_EXPORT(step_panel_f64);

void step_panel(const LstmStep<float>& step, std::int64_t panel) { HWY_DYNAMIC_DISPATCH(step_panel_f32)(step, panel); }
void step_panel(const LstmStep<double>& step, std::int64_t panel) { HWY_DYNAMIC_DISPATCH(step_panel_f64)(step, panel); }

// One parallel loop a step rather than a barrier of our own: even for B = 1, H = 256 two threads halve the time
// (3.9 ms for 512 steps on one, 1.9 to 2.0 ms on two).
template <class T>
void run(const LstmStep<T>& step, const Threads& threads) {
  const std::int64_t panels = step.terms[1].weights->panels();
  threads.parallel_for(panels, [&](std::int64_t panel) { step_panel(step, panel); });
}

}  // namespace

template <class T>
Lstm<T>::Lstm(const LstmWeights<T>& weights)
    : input_(weights.input.view()), recurrent_(weights.recurrent.view()), bias_(1, weights.bias.cols()) {
  assert(input_.cols() == 4 * hidden() && recurrent_.cols() == 4 * hidden() && bias_.cols() == 4 * hidden());
  std::copy(weights.bias.span().begin(), weights.bias.span().end(), bias_.data());
}

template <class T>
void Lstm<T>::project(MatrixView<const T> inputs, MatrixView<T> projected, const Threads& threads) const {
  input_.multiply(inputs, bias_.view(), projected, threads);
}

template <class T>
void Lstm<T>::advance(MatrixView<const T> projected, LstmState<T>& state, const Threads& threads) const {
  advance_first(state.hidden.rows(), projected, state, threads);
}

// In runs of steps with the same sequences: a final state has to reach the caller's only where a run ends.
template <class T>
void Lstm<T>::advance(MatrixView<const T> projected, std::span<const std::int64_t> active, LstmState<T>& state,
                      const Threads& threads) const {
  assert(std::ranges::is_sorted(active, std::greater<>()));
  std::int64_t row = 0;
  for (auto step = active.begin(); step != active.end();) {
    const std::int64_t sequences = *step;
    const auto end = std::find_if(step, active.end(), [&](std::int64_t count) { return count != sequences; });
    const std::int64_t rows = (end - step) * sequences;
    advance_first(sequences, projected.slice_rows({row, row + rows}), state, threads);
    row += rows;
    step = end;
  }
  assert(row == projected.rows);
}

template <class T>
void Lstm<T>::advance_first(std::int64_t sequences, MatrixView<const T> projected, LstmState<T>& state,
                            const Threads& threads) const {
  if (sequences == 0) return;
  const std::int64_t steps = projected.rows / sequences;
  assert(projected.rows == steps * sequences && sequences <= state.hidden.rows());
  assert(projected.cols == 4 * hidden() && state.hidden.cols() == hidden());
  const MatrixView<T> cell = state.cell.view().slice_rows({0, sequences});
  Matrix<T> other(sequences, hidden());
  // The steps alternate between the two; the last one has to write to the caller's.
  MatrixView<T> from = state.hidden.view().slice_rows({0, sequences}), to = other.view();
  if (steps % 2 == 1) {
    std::copy_n(state.hidden.data(), other.size(), other.data());
    std::swap(from, to);
  }
  for (std::int64_t t = 0; t < steps; ++t) {
    const MatrixView<const T> start = projected.slice_rows({t * sequences, (t + 1) * sequences});
    run<T>({start, {{{{}, &input_}, {from, &recurrent_}}}, cell, to}, threads);
    std::swap(from, to);
  }
}

template <class T>
void Lstm<T>::step(MatrixView<const T> inputs, LstmState<T>& state, const Threads& threads) const {
  assert(inputs.rows <= state.hidden.rows());
  const RowRange first = {0, inputs.rows};
  const MatrixView<T> cell = state.cell.view().slice_rows(first), next = state.hidden.view().slice_rows(first);
  Matrix<T> hidden_before(inputs.rows, hidden());
  std::copy_n(state.hidden.data(), hidden_before.size(), hidden_before.data());
  const MatrixView<const T> start = {bias_.data(), inputs.rows, bias_.cols(), 0};
  const LstmTerm<T> from_inputs = {inputs, &input_}, from_hidden = {hidden_before.view(), &recurrent_};
  run<T>({start, {from_inputs, from_hidden}, cell, next}, threads);
}

template <class T>
void decode(const Lstm<T>& decoder, const PackedMatrix<T>& readout, LstmState<T>& state, MatrixView<T> outputs,
            const Threads& threads) {
  const std::int64_t batch = state.hidden.rows(), steps = batch == 0 ? 0 : outputs.rows / batch;
  const std::vector<std::int64_t> active(static_cast<std::size_t>(steps), batch);
  decode(decoder, readout, state, outputs, active, threads);
}

template <class T>
void decode(const Lstm<T>& decoder, const PackedMatrix<T>& readout, LstmState<T>& state, MatrixView<T> outputs,
            std::span<const std::int64_t> active, const Threads& threads) {
  assert(std::ranges::is_sorted(active, std::greater<>()));
  Matrix<T> zero(state.hidden.rows(), decoder.input_dim());
  std::fill(zero.span().begin(), zero.span().end(), T{0});
  MatrixView<const T> inputs = zero.view();
  std::int64_t row = 0;
  for (const std::int64_t sequences : active) {
    const MatrixView<T> written = outputs.slice_rows({row, row + sequences});
    decoder.step(inputs.slice_rows({0, sequences}), state, threads);
    readout.multiply(state.hidden.view().slice_rows({0, sequences}), {}, written, threads);
    inputs = written;
    row += sequences;
  }
  assert(row == outputs.rows);
}

template class Lstm<float>;
template class Lstm<double>;
template void decode(const Lstm<float>&, const PackedMatrix<float>&, LstmState<float>&, MatrixView<float>,
                     const Threads&);
template void decode(const Lstm<double>&, const PackedMatrix<double>&, LstmState<double>&, MatrixView<double>,
                     const Threads&);
template void decode(const Lstm<float>&, const PackedMatrix<float>&, LstmState<float>&, MatrixView<float>,
                     std::span<const std::int64_t>, const Threads&);
template void decode(const Lstm<double>&, const PackedMatrix<double>&, LstmState<double>&, MatrixView<double>,
                     std::span<const std::int64_t>, const Threads&);

}  // namespace knowscale
#endif  // HWY_ONCE

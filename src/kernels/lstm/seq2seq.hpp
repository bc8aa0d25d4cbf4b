// SPDX-License-Identifier: BSD-3-Clause
// An encoder-decoder LSTM on one rank: what of it computes, on the host or on a device. Matrices are the host's. The
// encoder's state stays where it computes until it is asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "core/by_precision.hpp"
#include "core/matrix.hpp"
#include "kernels/lstm/weights.hpp"

namespace knowscale {

class Threads;

template <class T>
class Seq2Seq {
 public:
  virtual ~Seq2Seq() = default;

  // Does what reading these rows takes and needs no state. A row is a key, and its value beside it unless `values` is
  // empty; rows have to stay as they are until read() returns.
  virtual void project(MatrixView<const T> keys, MatrixView<const T> values) = 0;

  // The encoder goes on from this state, of one sequence: 1 x H each.
  virtual void set_state(MatrixView<const T> hidden, MatrixView<const T> cell) = 0;

  // The encoder reads what was projected, one row per step.
  virtual void read() = 0;

  // Waits for what was read.
  virtual void get_state(MatrixView<T> hidden, MatrixView<T> cell) = 0;

  // For every sequence of a batch, all from the encoder's state, which is left undefined: reads `rows` (x d, its steps
  // one after the other as in kernels/lstm/lstm.hpp, of which `active` tells) and overwrites them with as many that the
  // decoder writes. An input narrower than a row of the knowledge is followed by zeros.
  virtual void answer(std::span<const std::int64_t> active, MatrixView<T> rows) = 0;

  // Seconds of copies between host and device since this was last called.
  double take_copied() { return std::exchange(copied_, 0); }

 protected:
  double copied_ = 0;
};

// Room that is needed at a time.
struct Seq2SeqSizes {
  std::int64_t rows = 0;  // of one project() or answer()
  std::int64_t sequences = 0;
};

template <class T>
using MakeSeq2Seq = std::unique_ptr<Seq2Seq<T>>(const Seq2SeqWeights<T>& weights, const Seq2SeqSizes& sizes,
                                                const Threads& threads);

// On these threads of the host, which have to outlive it. In f32 and f64: it computes in the format that it stores.
extern const ByPrecision<MakeSeq2Seq> seq2seq_on_host;

}  // namespace knowscale

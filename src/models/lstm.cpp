// SPDX-License-Identifier: BSD-3-Clause
#include "models/lstm.hpp"

#include <algorithm>
#include <utility>

#include "comm/clock.hpp"
#include "kernels/lstm/lstm.hpp"
#include "problem/weights.hpp"

namespace knowscale::lstm_model {
namespace {

// Projected steps that a rank holds at a time; what fits is projected before the state arrives.
constexpr std::int64_t kProjectionBytes = std::int64_t{32} << 20;

template <class T>
std::int64_t block_rows(std::int64_t hidden) {
  return std::max<std::int64_t>(kProjectionBytes / (4 * hidden * static_cast<std::int64_t>(sizeof(T))), 1);
}

template <class T>
void clear(Matrix<T>& matrix) {
  std::fill_n(matrix.data(), matrix.size(), T{0});
}

template <class T>
class Prepared : public PreparedModel<T> {
 public:
  explicit Prepared(const Problem<T>& problem) : Prepared(problem, weights_of(problem)) {}

  Phases run() override {
    const double start = now();
    waited_ = 0;
    read_knowledge();
    const double read = now();
    share_state();
    const double shared = now();
    if (sequences_.size() > 0) {
      read_sequences();
      decode(decoder_, readout_, batch_state_, written_.view(), problem_.threads);
      copy_output();
    }
    return {read - start - waited_ + now() - shared, waited_};
  }

  Output<T> output() const override {
    return {{sequences_.begin * problem_.c.n, sequences_.end * problem_.c.n}, output_.view()};
  }

 private:
  static Seq2SeqWeights<T> weights_of(const Problem<T>& problem) {
    const std::int64_t width = input_dim(problem.c, problem.knowledge.has_separate_values());
    return make_seq2seq_weights<T>(problem.c.seed, width, problem.c.hidden, problem.c.d);
  }

  Prepared(const Problem<T>& problem, const Seq2SeqWeights<T>& weights)
      : problem_(problem),
        sequences_(row_range(problem.c.batch, problem.comm.size(), problem.comm.rank())),
        encoder_(weights.encoder),
        decoder_(weights.decoder),
        readout_(weights.readout.view()) {
    const std::int64_t hidden = problem.c.hidden, own = sequences_.size(), steps = own * problem.c.n;
    const std::int64_t rows = std::max(std::min(block_rows<T>(hidden), problem.knowledge.rows.size()), steps);
    inputs_ = Matrix<T>(rows, encoder_.input_dim());
    projected_ = Matrix<T>(rows, 4 * hidden);
    state_ = {Matrix<T>(1, hidden), Matrix<T>(1, hidden)};
    batch_state_ = {Matrix<T>(own, hidden), Matrix<T>(own, hidden)};
    written_ = Matrix<T>(steps, problem.c.d);
    output_ = Matrix<T>(steps, problem.c.d);
  }

  // Projects knowledge rows [begin, begin + count) of this shard.
  void project_knowledge(std::int64_t begin, std::int64_t count) {
    const std::int64_t width = problem_.c.knowledge_dim();
    MatrixView<const T> rows = problem_.knowledge.keys.view().slice_rows({begin, begin + count});
    if (problem_.knowledge.has_separate_values()) {
      for (std::int64_t i = 0; i < count; ++i) {
        std::copy_n(problem_.knowledge.keys.row(begin + i), width, inputs_.row(i));
        std::copy_n(problem_.knowledge.values().row(begin + i), width, inputs_.row(i) + width);
      }
      rows = inputs_.view().slice_rows({0, count});
    }
    encoder_.project(rows, projected_.view().slice_rows({0, count}), problem_.threads);
  }

  // Leaves in state_ the state after this rank's shard, and hands it to the next rank.
  void read_knowledge() {
    const std::int64_t rows = problem_.knowledge.rows.size(), block = block_rows<T>(problem_.c.hidden);
    const Communicator& comm = problem_.comm;
    std::int64_t count = std::min(block, rows);
    if (count > 0) project_knowledge(0, count);
    receive_state();
    for (std::int64_t begin = 0; begin < rows; begin += count) {
      count = std::min(block, rows - begin);
      if (begin > 0) project_knowledge(begin, count);
      encoder_.advance(projected_.view().slice_rows({0, count}), state_, problem_.threads);
    }
    if (comm.rank() + 1 < comm.size()) {
      comm.send(std::as_const(state_.hidden).span(), comm.rank() + 1);
      comm.send(std::as_const(state_.cell).span(), comm.rank() + 1);
    }
  }

  void receive_state() {
    if (problem_.comm.is_root()) {
      clear(state_.hidden);
      clear(state_.cell);
      return;
    }
    const double start = now();
    problem_.comm.receive(state_.hidden.span(), problem_.comm.rank() - 1);
    problem_.comm.receive(state_.cell.span(), problem_.comm.rank() - 1);
    waited_ = now() - start;
  }

  // After all of the knowledge, every sequence starts from the same state.
  void share_state() {
    const int last = problem_.comm.size() - 1;
    problem_.comm.broadcast(state_.hidden.span(), last);
    problem_.comm.broadcast(state_.cell.span(), last);
    for (std::int64_t b = 0; b < sequences_.size(); ++b) {
      std::copy_n(state_.hidden.data(), state_.hidden.cols(), batch_state_.hidden.row(b));
      std::copy_n(state_.cell.data(), state_.cell.cols(), batch_state_.cell.row(b));
    }
  }

  void read_sequences() {
    const std::int64_t n = problem_.c.n, d = problem_.c.d, own = sequences_.size();
    for (std::int64_t t = 0; t < n; ++t) {
      for (std::int64_t b = 0; b < own; ++b) {
        T* row = inputs_.row(t * own + b);
        std::copy_n(problem_.queries.row((sequences_.begin + b) * n + t), d, row);
        std::fill(row + d, row + inputs_.cols(), T{0});
      }
    }
    const RowRange steps = {0, n * own};
    encoder_.project(inputs_.view().slice_rows(steps), projected_.view().slice_rows(steps), problem_.threads);
    encoder_.advance(projected_.view().slice_rows(steps), batch_state_, problem_.threads);
  }

  // Time-major to sequence-major.
  void copy_output() {
    const std::int64_t n = problem_.c.n, own = sequences_.size();
    for (std::int64_t t = 0; t < n; ++t) {
      for (std::int64_t b = 0; b < own; ++b)
        std::copy_n(written_.row(t * own + b), written_.cols(), output_.row(b * n + t));
    }
  }

  Problem<T> problem_;
  RowRange sequences_;  // of the batch, this rank's
  Lstm<T> encoder_;
  Lstm<T> decoder_;
  PackedMatrix<T> readout_;
  Matrix<T> inputs_;
  Matrix<T> projected_;
  LstmState<T> state_;        // of the knowledge: one sequence
  LstmState<T> batch_state_;  // of this rank's sequences
  Matrix<T> written_;         // time-major
  Matrix<T> output_;
  double waited_ = 0;
};

}  // namespace

std::int64_t input_dim(const Case& c, bool separate_values) { return c.knowledge_dim() * (separate_values ? 2 : 1); }

template <class T>
std::unique_ptr<PreparedModel<T>> prepare(const Problem<T>& problem, const Backend<T>&) {
  return std::make_unique<Prepared<T>>(problem);
}

template <class T>
Cost cost(const Case& c, const Backend<T>&) {
  const bool separate_values = has_separate_values(c);
  const double width = static_cast<double>(input_dim(c, separate_values)), hidden = static_cast<double>(c.hidden);
  const double d = static_cast<double>(c.d), tokens = static_cast<double>(c.batch * c.n);
  const double shard_rows = static_cast<double>(row_range(c.m, c.ranks, 0).size());
  const double own_tokens = static_cast<double>(row_range(c.batch, c.ranks, 0).size() * c.n);
  const double encode = 8 * hidden * (width + hidden), write = 8 * hidden * (d + hidden) + 2 * hidden * d;
  const double rows = std::max(std::min(static_cast<double>(block_rows<T>(c.hidden)), shard_rows), own_tokens);
  const double weights = 4 * hidden * (width + d + 2 * hidden + 2) + hidden * d;
  const bool alone = c.ranks == 1;
  return {.flops = (static_cast<double>(c.m) + tokens) * encode + tokens * write,
          .bytes_read = (separate_values ? 2 : 1) * shard_rows * static_cast<double>(c.knowledge_dim()) * sizeof(T),
          // h and c to the next rank, then the broadcast's log2 p at most.
          .bytes_sent = alone ? 0 : 2 * hidden * sizeof(T) * (1 + allreduce_traffic(1, c.ranks).messages),
          .messages = alone ? 0 : 2 * (1 + allreduce_traffic(1, c.ranks).messages),
          .state_bytes = (rows * (width + 4 * hidden) + 2 * weights + 2 * own_tokens * d) * sizeof(T)};
}

template std::unique_ptr<PreparedModel<float>> prepare(const Problem<float>&, const Backend<float>&);
template std::unique_ptr<PreparedModel<double>> prepare(const Problem<double>&, const Backend<double>&);
template Cost cost(const Case&, const Backend<float>&);
template Cost cost(const Case&, const Backend<double>&);

}  // namespace knowscale::lstm_model

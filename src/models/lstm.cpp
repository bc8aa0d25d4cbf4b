// SPDX-License-Identifier: BSD-3-Clause
#include "models/lstm.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "comm/clock.hpp"
#include "kernels/engine.hpp"
#include "models/prepared.hpp"
#include "models/tokens.hpp"
#include "problem/weights.hpp"

namespace knowscale::lstm_model {
namespace {

// Projected steps that a rank holds at a time; what fits is projected before the state arrives.
constexpr std::int64_t kProjectionBytes = std::int64_t{32} << 20;

std::int64_t block_rows(const Case& c) {
  return std::max<std::int64_t>(kProjectionBytes / (4 * c.hidden * static_cast<std::int64_t>(bytes_of(c.precision))),
                                1);
}

template <class T>
void clear(Matrix<T>& matrix) {
  std::fill_n(matrix.data(), matrix.size(), T{0});
}

template <class T>
class Prepared : public PreparedModel<T> {
 public:
  Prepared(const Problem<T>& problem, const Backend&) : Prepared(problem, weights_of(problem)) {}

  Phases run() override {
    tokens_.gather();
    const double start = now();
    waited_ = 0;
    read_knowledge();
    const double read = now();
    share_state();
    const double shared = now();
    if (own_.size() > 0) answer_sequences();
    const double done = now();
    if (replicated_) problem_.comm.allgather_rows(output_.view(), tokens_of_ranks_);
    return {.compute = read - start - waited_ + done - shared, .waited = waited_, .copied = lstm_->take_copied()};
  }

  Output<T> output() const override {
    const RowRange rows = replicated_ ? RowRange{0, output_.rows()} : own_;
    return {rows, output_.view().slice_rows(rows)};
  }

 private:
  static Seq2SeqWeights<T> weights_of(const Problem<T>& problem) {
    const std::int64_t width = input_dim(problem.c, problem.knowledge.has_separate_values());
    return make_seq2seq_weights<T>(problem.c.seed, width, problem.c.hidden, problem.c.d);
  }

  Prepared(const Problem<T>& problem, const Seq2SeqWeights<T>& weights)
      : problem_(problem),
        tokens_(problem, true),
        all_sequences_(problem.c.sequences()),
        sequences_(row_range(problem.c.batch, problem.comm.size(), problem.comm.rank())),
        replicated_(problem.c.options.placement == Placement::replicated) {
    for (int r = 0; r < problem.comm.size(); ++r) {
      tokens_of_ranks_.push_back(tokens_of(row_range(problem.c.batch, problem.comm.size(), r)));
    }
    own_ = tokens_of(sequences_);
    sort_sequences();
    const std::int64_t hidden = problem.c.hidden;
    const std::int64_t rows = std::max(std::min(block_rows(problem.c), problem.knowledge.rows.size()), own_.size());
    lstm_ = engine_of(problem.c).seq2seq(weights, {rows, sequences_.size()}, problem.threads);
    hidden_ = Matrix<T>(1, hidden);
    cell_ = Matrix<T>(1, hidden);
    steps_ = Matrix<T>(own_.size(), problem.c.d);
    output_ = Matrix<T>(problem.queries.rows, problem.c.d);
  }

  // The tokens of some sequences that follow one another.
  RowRange tokens_of(RowRange sequences) const {
    if (sequences.size() == 0) return {problem_.queries.rows, problem_.queries.rows};
    return {all_sequences_[static_cast<std::size_t>(sequences.begin)].begin,
            all_sequences_[static_cast<std::size_t>(sequences.end - 1)].end};
  }

  // The longest first, so that those that go on at a step are the first ones of the batch.
  void sort_sequences() {
    for (std::int64_t b = sequences_.begin; b < sequences_.end; ++b) {
      by_length_.push_back(all_sequences_[static_cast<std::size_t>(b)]);
    }
    std::stable_sort(by_length_.begin(), by_length_.end(),
                     [](const RowRange& a, const RowRange& b) { return a.size() > b.size(); });
    for (std::int64_t t = 0; !by_length_.empty() && t < by_length_.front().size(); ++t) {
      active_.push_back(std::count_if(by_length_.begin(), by_length_.end(),
                                      [t](const RowRange& sequence) { return sequence.size() > t; }));
    }
  }

  // Calls visit(row, token) for the tokens of all own sequences, step after step: the order in which they are read and
  // written.
  template <class Visit>
  void for_steps(const Visit& visit) const {
    std::int64_t row = 0;
    for (std::size_t t = 0; t < active_.size(); ++t) {
      for (std::int64_t b = 0; b < active_[t]; ++b) {
        visit(row++, by_length_[static_cast<std::size_t>(b)].begin + static_cast<std::int64_t>(t));
      }
    }
  }

  void project_knowledge(RowRange rows) {
    const KnowledgeShard<T>& shard = problem_.knowledge;
    lstm_->project(shard.keys.view().slice_rows(rows),
                   shard.has_separate_values() ? shard.separate_values.view().slice_rows(rows) : MatrixView<const T>{});
  }

  // Leaves in hidden_ and cell_ the state after this rank's shard, and hands it to the next rank.
  void read_knowledge() {
    const std::int64_t rows = problem_.knowledge.rows.size(), block = block_rows(problem_.c);
    const Communicator& comm = problem_.comm;
    if (rows > 0) project_knowledge({0, std::min(block, rows)});
    receive_state();
    lstm_->set_state(std::as_const(hidden_).view(), std::as_const(cell_).view());
    for (std::int64_t begin = 0; begin < rows; begin += block) {
      if (begin > 0) project_knowledge({begin, std::min(begin + block, rows)});
      lstm_->read();
    }
    lstm_->get_state(hidden_.view(), cell_.view());
    if (comm.rank() + 1 < comm.size()) {
      comm.send(std::as_const(hidden_).span(), comm.rank() + 1);
      comm.send(std::as_const(cell_).span(), comm.rank() + 1);
    }
  }

  void receive_state() {
    if (problem_.comm.is_root()) {
      clear(hidden_);
      clear(cell_);
      return;
    }
    const double start = now();
    problem_.comm.receive(hidden_.span(), problem_.comm.rank() - 1);
    problem_.comm.receive(cell_.span(), problem_.comm.rank() - 1);
    waited_ = now() - start;
  }

  void share_state() {
    const int last = problem_.comm.size() - 1;
    problem_.comm.broadcast(hidden_.span(), last);
    problem_.comm.broadcast(cell_.span(), last);
  }

  // After all of the knowledge, every sequence starts from the same state.
  void answer_sequences() {
    const std::int64_t d = problem_.c.d;
    const MatrixView<const T> tokens = tokens_.rows();
    for_steps([&](std::int64_t row, std::int64_t token) { std::copy_n(tokens.row(token), d, steps_.row(row)); });
    lstm_->set_state(std::as_const(hidden_).view(), std::as_const(cell_).view());
    lstm_->answer(active_, steps_.view());
    for_steps([&](std::int64_t row, std::int64_t token) { std::copy_n(steps_.row(row), d, output_.row(token)); });
  }

  Problem<T> problem_;
  Tokens<T> tokens_;
  std::vector<RowRange> all_sequences_;
  RowRange sequences_;  // of the batch, this rank's
  RowRange own_;        // their tokens
  std::vector<RowRange> tokens_of_ranks_;
  std::vector<RowRange> by_length_;   // own sequences
  std::vector<std::int64_t> active_;  // of them, at each step
  bool replicated_;                   // the result
  std::unique_ptr<Seq2Seq<T>> lstm_;
  Matrix<T> hidden_, cell_;  // the state after the knowledge
  Matrix<T> steps_;          // what is read and written of own sequences, step after step
  Matrix<T> output_;         // token after token
  double waited_ = 0;
};

}  // namespace

std::int64_t input_dim(const Case& c, bool separate_values) { return c.knowledge_dim() * (separate_values ? 2 : 1); }

constinit const ByPrecision<PrepareModel> prepare = prepared<Prepared>(Numbers<float, double>());

Cost cost(const Case& c) {
  const auto number = static_cast<double>(bytes_of(c.precision));
  const bool separate_values = c.has_separate_values();
  const double width = static_cast<double>(input_dim(c, separate_values)), hidden = static_cast<double>(c.hidden);
  const double d = static_cast<double>(c.d), tokens = static_cast<double>(c.tokens());
  const double shard_rows = static_cast<double>(row_range(c.m, c.ranks, 0).size());
  const double own_tokens = static_cast<double>(row_range(c.batch, c.ranks, 0).size() * c.n);
  const double encode = 8 * hidden * (width + hidden), write = 8 * hidden * (d + hidden) + 2 * hidden * d;
  const double rows = std::max(std::min(static_cast<double>(block_rows(c)), shard_rows), own_tokens);
  const double weights = 4 * hidden * (width + d + 2 * hidden + 2) + hidden * d;
  Cost cost;
  cost.flops = (static_cast<double>(c.m) + tokens) * encode + tokens * write;
  cost.bytes_read = (separate_values ? 2 : 1) * shard_rows * static_cast<double>(c.knowledge_dim()) * number;
  cost.state_bytes = (rows * (width + 4 * hidden) + 2 * weights + (own_tokens + 2 * tokens) * d) * number;
  if (c.ranks == 1) return cost;
  // The last rank sends most: h and c to all. The others send them to the next one.
  const Traffic state = broadcast_traffic(hidden * number, c.ranks);
  cost.messages = 2 * state.messages;
  cost.bytes_sent = 2 * state.bytes;
  const Traffic gather = allgather_traffic(tokens * d * number, c.ranks);
  const int gathers =
      (c.sequence == Placement::sharded ? 1 : 0) + (c.options.placement == Placement::replicated ? 1 : 0);
  cost.messages += gathers * gather.messages;
  cost.bytes_sent += gathers * gather.bytes;
  return cost;
}

}  // namespace knowscale::lstm_model

// SPDX-License-Identifier: BSD-3-Clause
// Plain loops in f64. The weights are those of the case, as its precision rounds them; the knowledge passes
// through the ranks as in the model, but nothing else is shared with it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "models/lstm.hpp"
#include "problem/weights.hpp"
#include "truth/oracle.hpp"
#include "truth/oracle_formula.hpp"
#include "truth/oracle_softmax.hpp"

namespace knowscale {
namespace {

using Vector = std::vector<double>;

template <class T>
Vector to_double(const Matrix<T>& matrix) {
  return Vector(matrix.data(), matrix.data() + matrix.size());
}

// One layer, one sequence, one step at a time.
struct Cell {
  Vector input, recurrent, bias;  // D x 4H, H x 4H, 4H; gates i, f, g, o
  std::size_t hidden;

  template <class T>
  explicit Cell(const LstmWeights<T>& weights)
      : input(to_double(weights.input)),
        recurrent(to_double(weights.recurrent)),
        bias(to_double(weights.bias)),
        hidden(static_cast<std::size_t>(weights.hidden())) {}

  static void add_product(const Vector& x, const Vector& matrix, Vector& sums) {
    for (std::size_t k = 0; k < x.size(); ++k) {
      const double* row = &matrix[k * sums.size()];
      for (std::size_t j = 0; j < sums.size(); ++j) sums[j] += x[k] * row[j];
    }
  }

  void step(const Vector& x, Vector& h, Vector& c) const {
    Vector gates = bias;
    add_product(x, input, gates);
    add_product(h, recurrent, gates);
    const auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
    for (std::size_t j = 0; j < hidden; ++j) {
      const double i = sigmoid(gates[j]), f = sigmoid(gates[hidden + j]);
      const double g = std::tanh(gates[2 * hidden + j]), o = sigmoid(gates[3 * hidden + j]);
      c[j] = f * c[j] + i * g;
      h[j] = o * std::tanh(c[j]);
    }
  }
};

template <class T>
std::string problem_key(const Problem<T>& problem) {
  const Case& c = problem.c;
  return fmt::format("{} {} {} {} {} {} {} {} {}", c.knowledge, c.m, c.n, c.d, c.hidden, c.batch, c.seed,
                     name_of(c.precision), fmt::join(c.unequal, ","));
}

// The state after all of the knowledge, on every rank.
template <class T>
void read_knowledge(const Problem<T>& problem, const Cell& encoder, Vector& h, Vector& c) {
  const Communicator& comm = problem.comm;
  const std::size_t width = static_cast<std::size_t>(problem.knowledge.keys.cols());
  if (!comm.is_root()) {
    comm.receive(std::span<double>(h), comm.rank() - 1);
    comm.receive(std::span<double>(c), comm.rank() - 1);
  }
  Vector x(encoder.input.size() / (4 * encoder.hidden));
  for (std::int64_t k = 0; k < problem.knowledge.rows.size(); ++k) {
    std::copy_n(problem.knowledge.keys.row(k), width, x.begin());
    if (x.size() > width)
      std::copy_n(problem.knowledge.separate_values.row(k), width, x.begin() + static_cast<std::ptrdiff_t>(width));
    encoder.step(x, h, c);
  }
  if (comm.rank() + 1 < comm.size()) {
    comm.send(std::span<const double>(h), comm.rank() + 1);
    comm.send(std::span<const double>(c), comm.rank() + 1);
  }
  comm.broadcast(std::span<double>(h), comm.size() - 1);
  comm.broadcast(std::span<double>(c), comm.size() - 1);
}

// Reads one sequence of tokens and writes as many output rows.
void translate(const Matrix<double>& tokens, RowRange sequence, const Cell& encoder, const Cell& decoder,
               const Vector& readout, Vector h, Vector c, Matrix<double>& out) {
  const std::int64_t d = tokens.cols();
  Vector x(encoder.input.size() / (4 * encoder.hidden), 0.0);
  for (std::int64_t t = sequence.begin; t < sequence.end; ++t) {
    std::copy_n(tokens.row(t), d, x.begin());
    encoder.step(x, h, c);
  }
  Vector y(static_cast<std::size_t>(d), 0.0);
  for (std::int64_t t = sequence.begin; t < sequence.end; ++t) {
    decoder.step(y, h, c);
    std::fill(y.begin(), y.end(), 0.0);
    Cell::add_product(h, readout, y);
    std::copy(y.begin(), y.end(), out.row(t));
  }
}

// The length of the longest row.
template <class T>
double longest(MatrixView<T> rows) {
  double most = 0;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    double square = 0;
    for (std::int64_t j = 0; j < rows.cols; ++j)
      square += static_cast<double>(rows(i, j)) * static_cast<double>(rows(i, j));
    most = std::max(most, std::sqrt(square));
  }
  return most;
}

// How large what an input adds to a gate may be, 1 at least: the root of the sum of its products' squares.
template <class T>
double largest_gate(const Problem<T>& problem, const Matrix<double>& tokens, const Cell& encoder) {
  const double vector =
      std::hypot(longest(problem.knowledge.keys.view()), longest(problem.knowledge.separate_values.view()));
  const auto [least, most] = std::minmax_element(encoder.input.begin(), encoder.input.end());
  const double gate = std::max(vector, longest(tokens.view())) * std::max(-*least, *most);
  return std::max(1.0, problem.comm.allreduce(gate, Combine::maximum));
}

template <class T>
LstmOracle::Expected compute(const Problem<T>& problem) {
  const Case& c = problem.c;
  const std::int64_t width = lstm_model::input_dim(c, problem.knowledge.has_separate_values());
  const Seq2SeqWeights<T> weights = make_seq2seq_weights<T>(c.seed, width, c.hidden, c.d);
  const Cell encoder(weights.encoder), decoder(weights.decoder);
  const Vector readout = to_double(weights.readout);
  Vector h(encoder.hidden, 0.0), cell(encoder.hidden, 0.0);
  read_knowledge(problem, encoder, h, cell);
  const Matrix<double> tokens = tokens_on_every_rank(problem);
  Matrix<double> out(c.tokens(), c.d);
  for (const RowRange& sequence : c.sequences()) translate(tokens, sequence, encoder, decoder, readout, h, cell, out);
  return {std::move(out), largest_gate(problem, tokens, encoder)};
}

}  // namespace

template <class T>
Verification LstmOracle::verify(const Problem<T>& problem, const Output<T>& output) {
  const std::string key = problem_key(problem);
  // A rank that sat out an earlier case knows less than the others: all compute if one has to.
  const int known = expected_.contains(key) ? 1 : 0;
  if (problem.comm.allreduce(known, Combine::minimum) == 0) expected_.insert_or_assign(key, compute(problem));
  const auto& [expected, largest_gate] = expected_.at(key);

  double error = 0;
  for (std::int64_t i = output.rows.begin; i < output.rows.end; ++i) {
    double largest = 0, difference = 0;
    for (std::int64_t j = 0; j < expected.cols(); ++j) {
      const double off = std::abs(static_cast<double>(output.values(i - output.rows.begin, j)) - expected(i, j));
      difference = std::isnan(off) ? std::numeric_limits<double>::infinity() : std::max(difference, off);
      largest = std::max(largest, std::abs(expected(i, j)));
    }
    if (difference > 0) error = std::max(error, difference / largest);
  }
  error = problem.comm.allreduce(error, Combine::maximum);
  const std::int64_t held = problem.comm.allreduce(output.rows.size(), Combine::sum);
  if (held != expected.rows() * (problem.c.options.placement == Placement::replicated ? problem.comm.size() : 1)) {
    error = std::numeric_limits<double>::infinity();
  }
  const double terms =
      static_cast<double>(lstm_model::input_dim(problem.c, problem.knowledge.has_separate_values()) + problem.c.hidden);
  const double bound = 32 * unit_roundoff(problem.c.precision) * (std::sqrt(terms) + 8) * largest_gate;
  std::string untold;
  if (!(bound < kTelling)) {
    untold = fmt::format(
        "cannot be verified: inputs that add {:.2g} to a gate leave nothing of its rounding: scale them", largest_gate);
  }
  return {fmt::format("oracle, all {} rows", expected.rows()), error, bound, untold};
}

template Verification LstmOracle::verify(const Problem<float>&, const Output<float>&);
template Verification LstmOracle::verify(const Problem<double>&, const Output<double>&);

}  // namespace knowscale

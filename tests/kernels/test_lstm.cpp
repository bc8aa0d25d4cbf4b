// SPDX-License-Identifier: BSD-3-Clause
// The packed product and the LSTM against plain loops in f64 written here, for both precisions, odd sizes
// and every instruction set of this machine.
#include "kernels/lstm/lstm.hpp"
#include "kernels/threads.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <ostream>
#include <random>
#include <span>
#include <vector>

#include "kernels/every_target.hpp"

namespace knowscale {
namespace {

using Table = std::vector<std::vector<double>>;

template <class T>
Matrix<T> random_matrix(std::int64_t rows, std::int64_t cols, unsigned seed, double size = 1) {
  std::mt19937_64 engine(seed);
  std::uniform_real_distribution<double> uniform(-size, size);
  Matrix<T> matrix(rows, cols);
  for (T& x : matrix.span()) x = static_cast<T>(uniform(engine));
  return matrix;
}

template <class T>
Matrix<T> copy_of(const Matrix<T>& matrix) {
  Matrix<T> copy(matrix.rows(), matrix.cols());
  std::copy(matrix.span().begin(), matrix.span().end(), copy.data());
  return copy;
}

template <class T>
LstmState<T> copy_of(const LstmState<T>& state) {
  return {copy_of(state.hidden), copy_of(state.cell)};
}

template <class T>
Table table_of(MatrixView<const T> matrix) {
  Table table(static_cast<std::size_t>(matrix.rows));
  for (std::int64_t i = 0; i < matrix.rows; ++i)
    table[static_cast<std::size_t>(i)].assign(matrix.row(i), matrix.row(i) + matrix.cols);
  return table;
}

template <class T>
void expect_near(MatrixView<const T> got, const Table& want, double tolerance) {
  ASSERT_EQ(static_cast<std::size_t>(got.rows), want.size());
  for (std::int64_t i = 0; i < got.rows; ++i) {
    for (std::int64_t j = 0; j < got.cols; ++j)
      ASSERT_NEAR(got(i, j), want[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)], tolerance)
          << "at " << i << ", " << j;
  }
}

template <class T>
void expect_same_bits(const Matrix<T>& got, const Matrix<T>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::int64_t i = 0; i < got.size(); ++i) ASSERT_EQ(got.data()[i], want.data()[i]) << "at " << i;
}

template <class T>
void expect_same_state(const LstmState<T>& got, const LstmState<T>& want) {
  expect_same_bits(got.hidden, want.hidden);
  expect_same_bits(got.cell, want.cell);
}

template <class T>
double tolerance(std::int64_t sums) {
  return 16 * std::numeric_limits<T>::epsilon() * std::sqrt(static_cast<double>(sums + 1));
}

Table product(const Table& a, const Table& b, std::size_t cols) {
  Table c(a.size(), std::vector<double>(cols, 0.0));
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t k = 0; k < b.size(); ++k) {
      for (std::size_t j = 0; j < cols; ++j) c[i][j] += a[i][k] * b[k][j];
    }
  }
  return c;
}

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

// One step of every sequence, by the formulae at the head of lstm.hpp.
void reference_step(const Table& w, const Table& u, const Table& b, const Table& x, Table& h, Table& c) {
  const std::size_t hidden = u.size();
  const Table from_x = product(x, w, 4 * hidden), from_h = product(h, u, 4 * hidden);
  for (std::size_t row = 0; row < h.size(); ++row) {
    for (std::size_t j = 0; j < hidden; ++j) {
      std::array<double, 4> gate;
      for (std::size_t g = 0; g < 4; ++g)
        gate[g] = from_x[row][g * hidden + j] + from_h[row][g * hidden + j] + b[0][g * hidden + j];
      c[row][j] = sigma(gate[1]) * c[row][j] + sigma(gate[0]) * std::tanh(gate[2]);
      h[row][j] = sigma(gate[3]) * std::tanh(c[row][j]);
    }
  }
}

// A layer with its inputs and its state, made of random numbers.
template <class T>
struct Layer {
  Layer(std::int64_t hidden, std::int64_t dim, std::int64_t sequences, std::int64_t step_count)
      : batch(sequences),
        steps(step_count),
        weights{random_matrix<T>(dim, 4 * hidden, 1), random_matrix<T>(hidden, 4 * hidden, 2),
                random_matrix<T>(1, 4 * hidden, 3)},
        lstm(weights),
        inputs(random_matrix<T>(steps * batch, dim, 4)),
        state{random_matrix<T>(batch, hidden, 5), random_matrix<T>(batch, hidden, 6)} {}

  Matrix<T> project(const Threads& threads) const {
    Matrix<T> projected(inputs.rows(), 4 * lstm.hidden());
    lstm.project(inputs.view(), projected.view(), threads);
    return projected;
  }

  LstmState<T> run(int thread_count) const {
    const Threads threads(thread_count);
    LstmState<T> end = copy_of(state);
    lstm.advance(project(threads).view(), end, threads);
    return end;
  }

  MatrixView<const T> input(std::int64_t t) const { return inputs.view().slice_rows({t * batch, (t + 1) * batch}); }

  std::int64_t batch, steps;
  LstmWeights<T> weights;
  Lstm<T> lstm;
  Matrix<T> inputs;
  LstmState<T> state;
};

// The state after all steps by the loops above: hidden, cell.
template <class T>
std::array<Table, 2> reference_run(const Layer<T>& layer) {
  const auto tables = [](const Matrix<T>& m) { return table_of(m.view()); };
  Table h = tables(layer.state.hidden), c = tables(layer.state.cell);
  for (std::int64_t t = 0; t < layer.steps; ++t)
    reference_step(tables(layer.weights.input), tables(layer.weights.recurrent), tables(layer.weights.bias),
                   table_of(layer.input(t)), h, c);
  return {h, c};
}

template <class T>
class LstmOf : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(LstmOf, Precisions);

TYPED_TEST(LstmOf, PackedProductIsThatOfTheLoops) {
  using T = TypeParam;
  const Threads threads(2);
  for_every_target([&] {
    for (const auto& [rows, depth, cols] : std::vector<std::array<std::int64_t, 3>>{
             {1, 1, 1}, {2, 3, 5}, {7, 17, 3}, {13, 65, 129}, {33, 8, 64}, {12, 0, 9}, {0, 4, 4}, {400, 5, 70}}) {
      SCOPED_TRACE(testing::Message() << rows << ' ' << depth << ' ' << cols);
      const Matrix<T> a = random_matrix<T>(rows, depth, 1), b = random_matrix<T>(depth, cols, 2);
      const Matrix<T> bias = random_matrix<T>(1, cols, 3);
      Matrix<T> c(rows, cols);
      const PackedMatrix<T> packed(b.view());
      Table want = product(table_of(a.view()), table_of(b.view()), static_cast<std::size_t>(cols));
      packed.multiply(a.view(), {}, c.view(), threads);
      expect_near<T>(c.view(), want, tolerance<T>(depth));
      for (auto& row : want) {
        for (std::size_t j = 0; j < row.size(); ++j) row[j] += bias.data()[j];
      }
      packed.multiply(a.view(), bias.view(), c.view(), threads);
      expect_near<T>(c.view(), want, tolerance<T>(depth));
    }
  });
}

TYPED_TEST(LstmOf, PackedProductWritesItsColumnsOnly) {
  const Matrix<TypeParam> a = random_matrix<TypeParam>(5, 4, 1), b = random_matrix<TypeParam>(4, 6, 2);
  Matrix<TypeParam> wide(5, 9);
  std::fill(wide.span().begin(), wide.span().end(), TypeParam{7});
  PackedMatrix<TypeParam>(b.view()).multiply(a.view(), {}, wide.view().slice_cols(1, 6), Threads(1));
  const Table want = product(table_of(a.view()), table_of(b.view()), 6);
  expect_near<TypeParam>(wide.view().slice_cols(1, 6), want, tolerance<TypeParam>(4));
  for (std::int64_t i = 0; i < 5; ++i) {
    for (const std::int64_t j : {0, 7, 8}) EXPECT_EQ(wide(i, j), TypeParam{7}) << i << ' ' << j;
  }
}

TYPED_TEST(LstmOf, AdvanceIsTheLoopsForOddSizesOnEveryTarget) {
  for_every_target([&] {
    for (const std::int64_t hidden : {1, 3, 17, 65}) {
      for (const std::int64_t batch : {1, 2, 3, 7, 13, 33}) {
        const std::int64_t dim = hidden == 3 ? 1 : hidden + batch % 4, steps = hidden == 65 ? 1 : 5;
        SCOPED_TRACE(testing::Message() << "H=" << hidden << " B=" << batch);
        const Layer<TypeParam> layer(hidden, dim, batch, steps);
        const LstmState<TypeParam> end = layer.run(1);
        const auto [h, c] = reference_run(layer);
        // A cell forgets no error: one bound a step, on sums of H + D products.
        const double bound = tolerance<TypeParam>(hidden + dim) * static_cast<double>(steps);
        expect_near<TypeParam>(end.hidden.view(), h, bound);
        expect_near<TypeParam>(end.cell.view(), c, bound);
      }
    }
  });
}

TYPED_TEST(LstmOf, ResultHasTheSameBitsForAnyNumberOfThreads) {
  for (const std::int64_t batch : {1, 7, 33}) {
    const Layer<TypeParam> layer(65, 31, batch, 33);  // 33 x 33 rows are more than one block of a projection
    // One Threads at a time: two that live together have the workers of the smaller.
    const LstmState<TypeParam> one = layer.run(1);
    const Matrix<TypeParam> projected = layer.project(Threads(1));
    for (const int threads : {2, 3}) {
      const LstmState<TypeParam> more = layer.run(threads);
      expect_same_bits(layer.project(Threads(threads)), projected);
      expect_same_state(more, one);
    }
  }
}

TYPED_TEST(LstmOf, AdvanceComposes) {
  const Layer<TypeParam> layer(17, 5, 3, 5);
  const LstmState<TypeParam> whole = layer.run(2);
  const Threads threads(2);
  const Matrix<TypeParam> projected = layer.project(threads);
  for (const std::int64_t first : {0, 1, 2, 5}) {
    LstmState<TypeParam> parts = copy_of(layer.state);
    layer.lstm.advance(projected.view().slice_rows({0, first * 3}), parts, threads);
    layer.lstm.advance(projected.view().slice_rows({first * 3, 5 * 3}), parts, threads);
    expect_same_state(parts, whole);
  }
}

TYPED_TEST(LstmOf, NoStepsLeaveTheState) {
  const Layer<TypeParam> layer(17, 5, 3, 0);
  const LstmState<TypeParam> end = layer.run(2);
  expect_same_state(end, layer.state);
}

TYPED_TEST(LstmOf, StepIsProjectThenAdvance) {
  const Layer<TypeParam> layer(65, 9, 7, 4);
  const LstmState<TypeParam> whole = layer.run(2);
  const Threads threads(2);
  LstmState<TypeParam> stepped = copy_of(layer.state);
  for (std::int64_t t = 0; t < layer.steps; ++t) layer.lstm.step(layer.input(t), stepped, threads);
  const double bound = tolerance<TypeParam>(65 + 9) * static_cast<double>(layer.steps);
  expect_near<TypeParam>(stepped.hidden.view(), table_of(whole.hidden.view()), bound);
  expect_near<TypeParam>(stepped.cell.view(), table_of(whole.cell.view()), bound);
}

TYPED_TEST(LstmOf, DecodeFeedsBackWhatItWrote) {
  using T = TypeParam;
  for (const auto& [hidden, dim, batch] :
       std::vector<std::array<std::int64_t, 3>>{{1, 1, 1}, {17, 5, 3}, {65, 33, 13}}) {
    const std::int64_t steps = 5;
    const Layer<T> layer(hidden, dim, batch, 0);
    const Matrix<T> readout = random_matrix<T>(hidden, dim, 7, 1 / std::sqrt(static_cast<double>(hidden)));
    LstmState<T> state = copy_of(layer.state);
    Matrix<T> outputs(steps * batch, dim);
    decode(layer.lstm, PackedMatrix<T>(readout.view()), state, outputs.view(), Threads(2));

    Table h = table_of(layer.state.hidden.view()), c = table_of(layer.state.cell.view());
    Table x(static_cast<std::size_t>(batch), std::vector<double>(static_cast<std::size_t>(dim), 0.0));
    const double bound = tolerance<T>(hidden + dim) * static_cast<double>(4 * steps);  // errors are fed back
    for (std::int64_t t = 0; t < steps; ++t) {
      reference_step(table_of(layer.weights.input.view()), table_of(layer.weights.recurrent.view()),
                     table_of(layer.weights.bias.view()), x, h, c);
      x = product(h, table_of(readout.view()), static_cast<std::size_t>(dim));
      expect_near<T>(outputs.view().slice_rows({t * batch, (t + 1) * batch}), x, bound);
    }
    expect_near<T>(state.hidden.view(), h, bound);
    expect_near<T>(state.cell.view(), c, bound);
  }
}

// A batch of sequences that end one after another: how many run at each step.
struct Unequal {
  std::int64_t batch;
  std::vector<std::int64_t> active;

  std::int64_t steps() const { return static_cast<std::int64_t>(active.size()); }
  std::int64_t running(std::int64_t t) const { return t < steps() ? active[static_cast<std::size_t>(t)] : 0; }
  // Rows before step t.
  std::int64_t row(std::int64_t t) const {
    return std::accumulate(active.begin(), active.begin() + t, std::int64_t{0});
  }
  std::int64_t rows() const { return row(steps()); }
  std::int64_t length(std::int64_t sequence) const {
    return std::ranges::count_if(active, [&](std::int64_t count) { return count > sequence; });
  }
  std::span<const std::int64_t> part(std::int64_t begin, std::int64_t end) const {
    return std::span(active).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  }
};

std::ostream& operator<<(std::ostream& out, const Unequal& unequal) {
  out << "B=" << unequal.batch << " active";
  for (const std::int64_t count : unequal.active) out << ' ' << count;
  return out;
}

// Ends after odd and after even numbers of steps; at last sequences that never start, steps that none takes, no step.
const std::vector<Unequal> kUnequal = {{1, {1}},
                                       {1, {1, 1, 1, 1}},
                                       {3, {3, 3, 3, 3, 3}},
                                       {3, {3, 2, 1}},
                                       {3, {3, 3, 2, 2, 1, 1}},
                                       {3, {3, 3, 3, 2, 1, 1}},
                                       {5, {5, 4, 4, 2, 2, 2, 1}},
                                       {7, {7, 1, 1}},
                                       {33, {33, 32, 13, 12, 7, 6, 6, 1}},
                                       {4, {2, 2, 1}},
                                       {3, {3, 1, 0, 0}},
                                       {2, {}}};

template <class T>
LstmState<T> state_of(std::int64_t sequence, const LstmState<T>& state) {
  LstmState<T> own{Matrix<T>(1, state.hidden.cols()), Matrix<T>(1, state.cell.cols())};
  std::copy_n(state.hidden.row(sequence), own.hidden.cols(), own.hidden.data());
  std::copy_n(state.cell.row(sequence), own.cell.cols(), own.cell.data());
  return own;
}

// What a batch has of one sequence: steps x columns.
template <class T>
Matrix<T> rows_of(std::int64_t sequence, const Matrix<T>& batch, const Unequal& unequal) {
  Matrix<T> own(unequal.length(sequence), batch.cols());
  for (std::int64_t t = 0; t < own.rows(); ++t)
    std::copy_n(batch.row(unequal.row(t) + sequence), own.cols(), own.row(t));
  return own;
}

// Calls check(unequal, threads) for every batch of kUnequal, number of threads and instruction set.
template <class Check>
void for_unequal_batches(const Check& check) {
  for_every_target([&] {
    for (const Unequal& unequal : kUnequal) {
      for (const int threads : {1, 2, 3}) {
        SCOPED_TRACE(testing::Message() << unequal << ' ' << threads << " threads");
        check(unequal, threads);
      }
    }
  });
}

TYPED_TEST(LstmOf, UnequalSequencesAdvanceAsEachAlone) {
  using T = TypeParam;
  for_unequal_batches([](const Unequal& unequal, int threads) {
    for (const std::int64_t hidden : {1, 17, 65}) {
      const Layer<T> layer(hidden, 1, unequal.batch, 0);
      const Matrix<T> projected = random_matrix<T>(unequal.rows(), 4 * hidden, 7);
      LstmState<T> end = copy_of(layer.state);
      layer.lstm.advance(projected.view(), unequal.active, end, Threads(threads));
      for (std::int64_t b = 0; b < unequal.batch; ++b) {
        SCOPED_TRACE(testing::Message() << "H=" << hidden << " sequence " << b);
        LstmState<T> alone = state_of(b, layer.state);
        layer.lstm.advance(rows_of(b, projected, unequal).view(), alone, Threads(1));
        expect_same_state(state_of(b, end), alone);
      }
    }
  });
}

TYPED_TEST(LstmOf, UnequalSequencesAreDecodedAsEachAlone) {
  using T = TypeParam;
  for_unequal_batches([](const Unequal& unequal, int threads) {
    for (const auto& [hidden, dim] : std::vector<std::array<std::int64_t, 2>>{{1, 1}, {17, 5}, {65, 33}}) {
      const Layer<T> layer(hidden, dim, unequal.batch, 0);
      const PackedMatrix<T> readout(random_matrix<T>(hidden, dim, 7).view());
      LstmState<T> end = copy_of(layer.state);
      Matrix<T> outputs(unequal.rows(), dim);
      decode(layer.lstm, readout, end, outputs.view(), unequal.active, Threads(threads));
      for (std::int64_t b = 0; b < unequal.batch; ++b) {
        SCOPED_TRACE(testing::Message() << "H=" << hidden << " sequence " << b);
        LstmState<T> alone = state_of(b, layer.state);
        Matrix<T> written(unequal.length(b), dim);
        decode(layer.lstm, readout, alone, written.view(), Threads(1));
        expect_same_bits(rows_of(b, outputs, unequal), written);
        expect_same_state(state_of(b, end), alone);
      }
    }
  });
}

// What has ended at the cut holds 7 from there on.
TYPED_TEST(LstmOf, UnequalAdvanceComposesAndLeavesFinishedSequencesAlone) {
  using T = TypeParam;
  const Unequal unequal{5, {5, 4, 4, 2, 2, 2, 1}};
  const Layer<T> layer(17, 5, unequal.batch, 0);
  const Matrix<T> projected = random_matrix<T>(unequal.rows(), 4 * 17, 7);
  const Threads threads(2);
  LstmState<T> whole = copy_of(layer.state);
  layer.lstm.advance(projected.view(), unequal.active, whole, threads);
  for (std::int64_t t = 0; t <= unequal.steps(); ++t) {
    SCOPED_TRACE(testing::Message() << "cut before step " << t);
    const std::int64_t cut = unequal.row(t), running = unequal.running(t);
    LstmState<T> parts = copy_of(layer.state);
    layer.lstm.advance(projected.view().slice_rows({0, cut}), unequal.part(0, t), parts, threads);
    for (Matrix<T>* matrix : {&parts.hidden, &parts.cell})
      std::fill(matrix->row(running), matrix->row(unequal.batch), T{7});
    layer.lstm.advance(projected.view().slice_rows({cut, unequal.rows()}), unequal.part(t, unequal.steps()), parts,
                       threads);
    for (std::int64_t b = 0; b < unequal.batch; ++b) {
      const LstmState<T> own = state_of(b, parts), want = state_of(b, whole);
      if (b < running) {
        expect_same_state(own, want);
      } else {
        for (const Matrix<T>* matrix : {&own.hidden, &own.cell})
          EXPECT_TRUE(std::ranges::all_of(matrix->span(), [](T x) { return x == T{7}; })) << "sequence " << b;
      }
    }
  }
}

// A layer of one unit whose gates are the given numbers: no products, the bias alone.
template <class T>
LstmState<T> one_unit(std::array<double, 4> gates, double cell) {
  LstmWeights<T> weights{Matrix<T>(1, 4), Matrix<T>(1, 4), Matrix<T>(1, 4)};
  for (int g = 0; g < 4; ++g) {
    weights.input(0, g) = weights.recurrent(0, g) = 0;
    weights.bias(0, g) = static_cast<T>(gates[static_cast<std::size_t>(g)]);
  }
  LstmState<T> state{Matrix<T>(1, 1), Matrix<T>(1, 1)};
  state.hidden(0, 0) = 0;
  state.cell(0, 0) = static_cast<T>(cell);
  const Matrix<T> input = random_matrix<T>(1, 1, 1);
  Lstm<T>(weights).step(input.view(), state, Threads(1));
  return state;
}

TYPED_TEST(LstmOf, SaturatedGatesReachTheirLimitsOnEveryTarget) {
  const double infinity = std::numeric_limits<double>::infinity();
  for_every_target([&] {
    for (const double x : {100.0, 1e4, 1e30, infinity}) {
      EXPECT_EQ(one_unit<TypeParam>({x, -x, x, x}, 3).cell(0, 0), 1) << x;    // i = 1, f = 0, g = 1
      EXPECT_EQ(one_unit<TypeParam>({x, -x, -x, x}, 3).cell(0, 0), -1) << x;  // g = -1
      EXPECT_EQ(one_unit<TypeParam>({-x, x, x, x}, 3).cell(0, 0), 3) << x;    // i = 0, f = 1
      EXPECT_EQ(one_unit<TypeParam>({-x, x, x, x}, 100).hidden(0, 0), 1) << x;
      EXPECT_NEAR(one_unit<TypeParam>({-x, x, x, -x}, 3).hidden(0, 0), 0, 1e-40) << x;  // o = 0
    }
  });
}

TYPED_TEST(LstmOf, NanInAGateReachesTheState) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for_every_target([&] {
    for (std::size_t g = 0; g < 4; ++g) {
      std::array<double, 4> gates = {0, 0, 0, 0};
      gates[g] = nan;
      EXPECT_TRUE(std::isnan(one_unit<TypeParam>(gates, 1).hidden(0, 0))) << g;
    }
    EXPECT_TRUE(std::isnan(one_unit<TypeParam>({0, 0, 0, 0}, nan).hidden(0, 0)));
  });
}

TYPED_TEST(LstmOf, GatesAreAccurateOverTheirRange) {
  for (double x = -20; x <= 20; x += 0.37) {
    const double eps = std::numeric_limits<TypeParam>::epsilon();
    const double rounded = static_cast<TypeParam>(x);
    const LstmState<TypeParam> state = one_unit<TypeParam>({100, -100, x, x}, 0);
    EXPECT_NEAR(state.cell(0, 0), std::tanh(rounded), 4 * eps * std::abs(std::tanh(rounded))) << x;
    const double want = sigma(rounded) * std::tanh(std::tanh(rounded));
    EXPECT_NEAR(state.hidden(0, 0), want, 8 * eps * std::abs(want)) << x;
  }
}

}  // namespace
}  // namespace knowscale

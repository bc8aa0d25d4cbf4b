// SPDX-License-Identifier: BSD-3-Clause
// The oracle on data that leave rounding no room or all of it: what is right passes, what is wrong does not, and what
// cannot be told from it is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "core/random.hpp"
#include "kernels/threads.hpp"
#include "ranks.hpp"
#include "truth/oracle.hpp"

namespace knowscale {
namespace {

// Keys are values, tokens and knowledge as `element(row, column)` says; this rank's shard.
struct Data {
  std::function<double(std::int64_t, std::int64_t)> key, value, query;
};

double normal(Draw draw, std::int64_t row, std::int64_t column) {
  std::vector<double> numbers(16);
  fill_normal(7, draw, row, numbers);
  return numbers[static_cast<std::size_t>(column)];
}

Data gaussian() {
  const auto of = [](Draw draw) { return [draw](std::int64_t i, std::int64_t j) { return normal(draw, i, j); }; };
  return {of(Draw::keys), of(Draw::values), of(Draw::queries)};
}

Case case_of(const Communicator& comm, const char* model, double scale) {
  Case c;
  c.model = model;
  c.n = 24;
  c.m = 300;
  c.d = 16;
  c.heads = c.kv_heads = 2;
  c.scale = scale;
  c.ranks = comm.size();
  c.projected = c.model == "transformer";
  return c;
}

template <class T>
Matrix<T> filled(RowRange rows, std::int64_t cols, const std::function<double(std::int64_t, std::int64_t)>& element) {
  Matrix<T> out(rows.size(), cols);
  for (std::int64_t i = 0; i < out.rows(); ++i) {
    for (std::int64_t j = 0; j < cols; ++j) out(i, j) = static_cast<T>(element(rows.begin + i, j));
  }
  return out;
}

// What the oracle says of the model's output, after `spoil` has changed it.
template <class T>
Verification verify(const Communicator& comm, Case c, const Data& data,
                    const std::function<void(Matrix<Accumulator<T>>&)>& spoil = {}) {
  c.precision = precision_of<T>;
  KnowledgeShard<T> shard;
  shard.rows = shard_range(c.m, comm.size(), c.shard_granule(), comm.rank());
  shard.keys = filled<T>(shard.rows, c.d, data.key);
  shard.separate_values = filled<T>(shard.rows, c.d, data.value);
  const Matrix<T> queries = filled<T>({0, c.tokens()}, c.d, data.query);
  const Threads threads(1);
  const Problem<T> problem = {c, shard, queries.view(), comm, threads};
  const auto prepared = model_by_name(c.model).prepare(problem, backend_of(c));
  prepared->run();
  const Output<Accumulator<T>> output = prepared->output();
  Matrix<Accumulator<T>> values(output.values.rows, output.values.cols);
  std::copy_n(output.values.data, values.size(), values.data());
  if (spoil) spoil(values);
  return verify_attention(problem, Output<Accumulator<T>>{output.rows, values.view()});
}

// Ways of being wrong that no rounding excuses.
template <class L>
void zero(Matrix<L>& out) {
  std::fill_n(out.data(), out.size(), L{0});
}
template <class L>
void swap_rows(Matrix<L>& out) {
  for (std::int64_t i = 0; i + 1 < out.rows(); i += 2) std::swap_ranges(out.row(i), out.row(i + 1), out.row(i + 1));
}
template <class L>
void make_nan(Matrix<L>& out) {
  if (out.rows() > 0) out(0, 0) = std::numeric_limits<L>::quiet_NaN();
}
template <class L>
void double_one(Matrix<L>& out) {
  if (out.rows() > 0) out(0, 3) *= 2;
}

template <class T>
void expect_told(const Communicator& comm, const Case& c, const Data& data) {
  using L = Accumulator<T>;
  const std::string what =
      c.model + "/" + c.kernel + " " + std::string(name_of(precision_of<T>)) + " scale " + std::to_string(c.scale);
  const Verification right = verify<T>(comm, c, data);
  EXPECT_TRUE(right.passed()) << what << ": error " << right.error << " bound " << right.bound << ' ' << right.untold;
  EXPECT_LT(right.bound, .3) << what;
  for (const auto spoil : {zero<L>, swap_rows<L>, make_nan<L>, double_one<L>}) {
    EXPECT_FALSE(verify<T>(comm, c, data, spoil).passed()) << what;
  }
}

TEST(Oracle, TellsRightFromWrongHoweverLargeScoresAre) {
  for_rank_counts({1, 3}, [](const Communicator& comm) {
    for (const char* model : {"knowledge", "joint", "self"}) {
      for (const double scale : {.25, 1e5, 1e8, 1e36}) {
        Case c = case_of(comm, model, scale);
        if (c.model == "self") c.m = 0;
        for (const char* kernel : {"simd", "blas", "reference"}) {
          c.kernel = kernel;
          expect_told<float>(comm, c, gaussian());
          if (c.kernel != "blas") expect_told<Bf16>(comm, c, gaussian());
          if (scale != 1e36) continue;
          c.scale = 1e16;
          expect_told<double>(comm, c, gaussian());
        }
      }
    }
  });
}

TEST(Oracle, TellsRightFromWrongThroughMomentsAndProjections) {
  for_rank_counts({1, 3}, [](const Communicator& comm) {
    for (const char* model : {"moment", "equivariant", "transformer"}) {
      for (const double scale : {.25, 1e9}) expect_told<float>(comm, case_of(comm, model, scale), gaussian());
    }
  });
}

// All keys the same but for the last bits, which no product of f32 resolves: any mean of the values may come out.
TEST(Oracle, RefusesWhatItCannotTell) {
  for_rank_counts({1, 3}, [](const Communicator& comm) {
    Data data = gaussian();
    data.key = [](std::int64_t k, std::int64_t j) {
      return normal(Draw::keys, 0, j) * (1 + 1e-7 * static_cast<double>(k % 3));
    };
    const Case c = case_of(comm, "knowledge", 1e12);
    const Verification verification = verify<float>(comm, c, data);
    EXPECT_FALSE(verification.passed());
    EXPECT_NE(verification.untold.find("cannot be verified"), std::string::npos) << verification.untold;
    EXPECT_NE(verification.untold.find("24 of 24 rows"), std::string::npos) << verification.untold;
    EXPECT_TRUE(verify<double>(comm, case_of(comm, "knowledge", 1), data).passed());
  });
}

TEST(Oracle, RefusesScoresThatDoNotFit) {
  for_rank_counts({2}, [](const Communicator& comm) {
    Data data = gaussian();
    data.key = [](std::int64_t k, std::int64_t j) { return 1e30 * normal(Draw::keys, k, j); };
    const Verification verification = verify<float>(comm, case_of(comm, "knowledge", 1e20), data);
    EXPECT_FALSE(verification.passed());
    EXPECT_NE(verification.untold.find("do not fit"), std::string::npos) << verification.untold;
  });
}

// Descriptors: counts from 0 to 255, of which one column is 0 but for a key far from every query.
Data descriptors() {
  const auto count = [](Draw draw) {
    return [draw](std::int64_t i, std::int64_t j) {
      const double x = std::round(std::max(0.0, 60 * normal(draw, i, j)));
      return j == 5 ? (draw == Draw::keys && i == 13 ? 1.0 : 0.0) : i == 13 && draw == Draw::keys ? 0.0 : x;
    };
  };
  return {count(Draw::keys), count(Draw::keys), count(Draw::queries)};
}

TEST(Oracle, ZerosAreNoErrors) {
  for_rank_counts({2}, [](const Communicator& comm) {
    for (const char* model : {"knowledge", "joint", "equivariant", "transformer"}) {
      for (const char* kernel : {"simd", "reference"}) {
        Case c = case_of(comm, model, .25);
        c.kernel = kernel;
        expect_told<float>(comm, c, descriptors());
        expect_told<Bf16>(comm, c, descriptors());
        expect_told<F16>(comm, c, descriptors());
        expect_told<double>(comm, c, descriptors());
      }
    }
  });
}

// ... but what is wrong beside them is: the same column, larger than any weight of that key makes it.
TEST(Oracle, ASmallNumberInPlaceOfAZeroIsAnError) {
  for_rank_counts({2}, [](const Communicator& comm) {
    const auto spoil = [](Matrix<float>& out) {
      for (std::int64_t i = 0; i < out.rows(); ++i) out(i, 5) += 1e-6f;
    };
    EXPECT_FALSE(verify<float>(comm, case_of(comm, "knowledge", .25), descriptors(), spoil).passed());
  });
}

TEST(Oracle, SubnormalNumbersAreRoundedAbsolutely) {
  for_rank_counts({1, 3}, [](const Communicator& comm) {
    for (const char* model : {"knowledge", "joint", "linear", "moment", "transformer"}) {
      Case c = case_of(comm, model, .25);
      if (c.model == "linear") c.kernel = c.reduction = kUnused;
      Data data = gaussian();
      data.key = [](std::int64_t k, std::int64_t j) { return 1e-41 * normal(Draw::keys, k, j); };
      data.value = data.key;
      EXPECT_TRUE(verify<float>(comm, c, data).passed()) << model;
      EXPECT_TRUE(verify<Bf16>(comm, c, data).passed()) << model;
      data.key = [](std::int64_t k, std::int64_t j) { return 1e-310 * normal(Draw::keys, k, j); };
      data.value = data.key;
      EXPECT_TRUE(verify<double>(comm, c, data).passed()) << model;
    }
  });
}

}  // namespace
}  // namespace knowscale

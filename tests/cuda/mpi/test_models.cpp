// SPDX-License-Identifier: BSD-3-Clause
// Models of attention whose kernel runs on the device: softmaxes, and moments beside them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "cuda/mpi/device_problem.hpp"
#include "mpi/naive_models.hpp"
#include "mpi/ranks.hpp"

namespace knowscale {
namespace {

template <class T>
Case device_case(const Communicator& comm, const Model& model, std::string_view kernel) {
  Case c = small_case<T>(comm, model);
  c.kernel = kernel;
  if (!model.structure.attends()) {
    c.kernel = c.reduction = kUnused;
    c.options = heeded({}, {.tiled = false});
  }
  return c;
}

template <class T>
naive::Rows widened(MatrixView<const T> matrix) {
  naive::Rows rows;
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    naive::Row& row = rows.emplace_back();
    for (std::int64_t j = 0; j < matrix.cols; ++j) row.push_back(static_cast<double>(matrix(i, j)));
  }
  return rows;
}

template <class T>
naive::Rows expected_output(const Case& c, const Communicator& comm) {
  Case whole = c;
  whole.ranks = 1;
  whole.sequence = Placement::replicated;
  const Communicator alone = comm.split(comm.rank());
  const KnowledgeShard<T> knowledge = load_knowledge<T>(whole, alone);
  const Matrix<T> tokens = load_queries<T>(whole, alone);
  return naive::output(c, widened<T>(tokens.view()), widened<T>(knowledge.keys.view()), widened<T>(knowledge.values()));
}

// Of numbers about 1: what kernels round weights and factors by, a few times.
template <class T>
double tolerance(std::string_view kernel) {
  if (kernel == "cublas_tf32") return 1e-2;
  return std::is_same_v<T, float> ? 1e-5 : std::is_same_v<T, F16> ? 2e-3 : 2e-2;
}

std::string name_of_way(const Case& c) {
  return c.model + " " + c.kernel + " " + c.reduction + " " + std::string(name_of(c.precision)) + " sequence " +
         std::string(name_of(c.sequence));
}

template <class T>
void expect_near(const Matrix<Accumulator<T>>& output, const naive::Rows& expected, double tolerance) {
  for (std::int64_t i = 0; i < output.rows(); ++i) {
    for (std::int64_t j = 0; j < output.cols(); ++j) {
      ASSERT_NEAR(static_cast<double>(output(i, j)), expected[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)],
                  tolerance)
          << "row " << i << " column " << j;
    }
  }
}

template <class T>
class EveryModelOnDevices : public testing::Test {};
using Types = testing::Types<float, Bf16, F16>;
TYPED_TEST_SUITE(EveryModelOnDevices, Types);

// A model with the reduction; kept on the device, too, what is kept.
template <class T>
void expect_formula(Case c, const Communicator& comm, const naive::Rows& expected, const char* reduction) {
  if (c.reduction != kUnused) use_reduction(c, reduction_by_name(reduction), {.chunk = 16});
  const bool packed = std::string_view(reduction) == "packed";
  c.sequence = packed ? Placement::replicated : Placement::sharded;
  SCOPED_TRACE(name_of_way(c));
  expect_near<T>(device_output<T>(c, comm, packed ? Knowledge::copied : Knowledge::kept), expected,
                 tolerance<T>(c.kernel));
}

TYPED_TEST(EveryModelOnDevices, IsItsFormulaAtEveryRankCount) {
  using T = TypeParam;
  for_rank_counts({1, 2, 3}, [](const Communicator& comm) {
    for (const Model& model : models()) {
      if (model.structure.recurrent) continue;
      for (const Kernel& kernel : kernels_of(precision_of<T>)) {
        if (!kernel.on_device()) continue;
        const Case c = device_case<T>(comm, model, kernel.name);
        const naive::Rows expected = expected_output<T>(c, comm);
        expect_formula<T>(c, comm, expected, "packed");
        if (kernel.name == "cuda") expect_formula<T>(c, comm, expected, "reproducible");
      }
    }
  });
}

TYPED_TEST(EveryModelOnDevices, TellsItsCopies) {
  using T = TypeParam;
  for_rank_counts({2}, [](const Communicator& comm) {
    for (const char* model : {"knowledge", "moment"}) {
      for (const char* reduction : {"packed", "ring", "ring_q", "reproducible"}) {
        Case c = device_case<T>(comm, model_by_name(model), "cuda");
        use_reduction(c, reduction_by_name(reduction), {.chunk = 16});
        EXPECT_GT(seconds_of_copies<T>(c, comm), 0) << name_of_way(c);
        c.kernel = "simd";
        EXPECT_EQ(seconds_of_copies<T>(c, comm), 0) << name_of_way(c);
      }
    }
  });
}

TYPED_TEST(EveryModelOnDevices, TakesMomentsOfTheRowsThatAreKept) {
  using T = TypeParam;
  for_rank_counts({1, 2}, [](const Communicator& comm) {
    Case c = device_case<T>(comm, model_by_name("moment"), "cuda");
    use_reduction(c, reduction_by_name("packed"));
    expect_near<T>(device_output<T>(c, comm, Knowledge::kept_alone), expected_output<T>(c, comm), tolerance<T>("cuda"));
  });
}

// The same bits for every number of ranks and threads: shards of the knowledge end at chunks, whose sums are the same
// wherever they are made.
TYPED_TEST(EveryModelOnDevices, WithMomentsIsReproducibleToTheBit) {
  using T = TypeParam;
  const Communicator world = Communicator::world();
  const auto case_of = [](const Communicator& comm) {
    Case c = device_case<T>(comm, model_by_name("moment"), "cuda");
    c.m = 75;
    use_reduction(c, reduction_by_name("reproducible"), {.placement = Placement::replicated, .chunk = 16});
    return c;
  };
  const Communicator alone = world.split(world.rank());
  const auto expected = device_output<T>(case_of(alone), alone);
  for_rank_counts({1, 2, 3}, [&](const Communicator& comm) {
    for (const Knowledge knowledge : {Knowledge::copied, Knowledge::kept}) {
      Case c = case_of(comm);
      c.threads = knowledge == Knowledge::kept ? 2 : 1;
      SCOPED_TRACE(name_of_way(c) + " threads " + std::to_string(c.threads));
      const auto bits = device_output<T>(c, comm, knowledge);
      EXPECT_EQ(std::memcmp(bits.data(), expected.data(), bits.span().size_bytes()), 0);
    }
  });
}

}  // namespace
}  // namespace knowscale

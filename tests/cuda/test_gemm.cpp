// SPDX-License-Identifier: BSD-3-Clause
// Products of device memory against plain loops in f64: every type, odd sizes, rows that lie apart.
#include "kernels/cuda/runtime/gemm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "core/error.hpp"
#include "core/half.hpp"
#include "on_device.hpp"

namespace knowscale::cuda {
namespace {

// A matrix that both sides hold, its rows `padding` numbers apart, NaN between them.
template <class T>
class Shared {
 public:
  Shared(std::int64_t rows, std::int64_t cols, std::int64_t padding, unsigned seed)
      : cols_(cols), host_(rows, cols + padding) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols + padding; ++j) {
        host_(i, j) = static_cast<T>(static_cast<float>(j < cols ? uniform(engine) : std::nan("")));
      }
    }
    device_ = upload<T>(host_.view());
  }

  MatrixView<T> device() { return {device_.data(), host_.rows(), cols_, host_.cols()}; }
  double operator()(std::int64_t i, std::int64_t j) const { return static_cast<double>(host_(i, j)); }
  const Matrix<T>& host() const { return host_; }
  Matrix<T> result() const { return download(device_.data(), host_.rows(), host_.cols()); }

 private:
  std::int64_t cols_;
  Matrix<T> host_;
  DeviceBuffer<T> device_;
};

template <class T, class Out>
struct Types {
  using In = T;
  using Result = Out;
};

template <class Pair>
class Gemm : public testing::Test {
 protected:
  using T = typename Pair::In;
  using Out = typename Pair::Result;

  // `product.count` products of m x k and k x n numbers, the operands of all of them below each other.
  void expect_product(std::int64_t m, std::int64_t n, std::int64_t k, Product product, std::int64_t padding) {
    const std::int64_t count = product.count;
    const std::int64_t rows_b = product.b_transposed ? n : k, cols_b = product.b_transposed ? k : n;
    Shared<T> a(count * m, k, padding, 1), b(count * rows_b, cols_b, 2 * padding, 2);
    Shared<Out> c(count * m, n, 3 * padding, 3);
    product.step_a = m * a.device().stride;
    product.step_b = rows_b * b.device().stride;
    product.step_c = m * c.device().stride;
    multiply<T, Out>(blas_, a.device().slice_rows({0, m}), b.device().slice_rows({0, rows_b}),
                     c.device().slice_rows({0, m}), product);
    stream_.wait();
    const Matrix<Out> got = c.result();
    for (std::int64_t i = 0; i < count * m; ++i) {
      const std::int64_t first = i / m * rows_b;
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t l = 0; l < k; ++l) {
          sum += a(i, l) * (product.b_transposed ? b(first + j, l) : b(first + l, j));
        }
        const double want = product.alpha * sum + (product.beta == 0 ? 0 : product.beta * c(i, j));
        ASSERT_NEAR(static_cast<double>(got(i, j)), want, tolerance(k)) << "at " << i << ", " << j;
      }
      for (std::int64_t j = n; j < got.cols(); ++j) ASSERT_TRUE(std::isnan(got(i, j))) << "behind row " << i;
    }
  }

  static double tolerance(std::int64_t k) { return 4 * std::numeric_limits<Out>::epsilon() * static_cast<double>(k); }

  Stream stream_;
  Blas blas_{stream_};
};

using Cases = testing::Types<Types<float, float>, Types<double, double>, Types<Bf16, float>, Types<F16, float>>;
TYPED_TEST_SUITE(Gemm, Cases);

TYPED_TEST(Gemm, OddSizes) {
  for (const std::int64_t m : {1, 5, 33}) {
    for (const std::int64_t n : {1, 7}) {
      for (const std::int64_t k : {1, 3, 65}) this->expect_product(m, n, k, {}, 0);
    }
  }
}

TYPED_TEST(Gemm, RowsThatLieApart) { this->expect_product(6, 5, 7, {}, 3); }

TYPED_TEST(Gemm, TheSecondFactorTransposed) {
  for (const std::int64_t padding : {0, 2}) this->expect_product(4, 9, 5, {.b_transposed = true}, padding);
}

TYPED_TEST(Gemm, ScaledAndAddedToWhatWasThere) {
  this->expect_product(3, 8, 5, {.alpha = 0.5, .beta = -2}, 1);
  this->expect_product(3, 8, 5, {.alpha = -3, .beta = 1, .b_transposed = true}, 0);
}

TYPED_TEST(Gemm, ManyAtOnce) {
  this->expect_product(3, 4, 5, {.count = 4}, 0);
  this->expect_product(3, 4, 5, {.alpha = 2, .beta = 1, .b_transposed = true, .count = 3}, 2);
}

TYPED_TEST(Gemm, ABetaOfZeroDoesNotReadTheResult) {
  using Factor = typename TypeParam::In;
  using Sum = typename TypeParam::Result;
  Shared<Factor> a(2, 3, 0, 1), b(3, 4, 0, 2);
  Shared<Sum> c(2, 0, 4, 3);  // all NaN
  const MatrixView<Sum> written = {c.device().data, 2, 4, 4};
  multiply<Factor, Sum>(this->blas_, a.device(), b.device(), written, {});
  this->stream_.wait();
  const Matrix<Sum> got = c.result();
  for (const Sum x : got.span()) EXPECT_FALSE(std::isnan(x));
}

TYPED_TEST(Gemm, NothingToWriteIsNothing) {
  using Factor = typename TypeParam::In;
  using Sum = typename TypeParam::Result;
  Shared<Factor> b(3, 4, 0, 2);
  multiply<Factor, Sum>(this->blas_, {nullptr, 0, 3, 3}, b.device(), {nullptr, 0, 4, 4}, {});
  this->stream_.wait();
}

TYPED_TEST(Gemm, OneRowNeedsNoStride) {
  using Factor = typename TypeParam::In;
  using Sum = typename TypeParam::Result;
  Shared<Factor> a(1, 3, 0, 1), b(3, 4, 0, 2);
  Shared<Sum> c(1, 4, 0, 3);
  multiply<Factor, Sum>(this->blas_, {a.device().data, 1, 3, 0}, b.device(), {c.device().data, 1, 4, 0}, {});
  this->stream_.wait();
  const double want = a(0, 0) * b(0, 3) + a(0, 1) * b(1, 3) + a(0, 2) * b(2, 3);
  EXPECT_NEAR(static_cast<double>(c.result()(0, 3)), want, this->tolerance(3));
}

// One operand for all products: the keys of a group of heads.
TYPED_TEST(Gemm, AStepOfZeroTakesTheSameOperand) {
  using Factor = typename TypeParam::In;
  using Sum = typename TypeParam::Result;
  Shared<Factor> a(6, 5, 0, 1), b(5, 3, 0, 2);
  Shared<Sum> apart(6, 3, 0, 3), at_once(6, 3, 0, 4);
  multiply<Factor, Sum>(this->blas_, a.device().slice_rows({0, 2}), b.device(), at_once.device().slice_rows({0, 2}),
                        {.count = 3, .step_a = 10, .step_c = 6});
  multiply<Factor, Sum>(this->blas_, a.device(), b.device(), apart.device(), {});
  this->stream_.wait();
  const Matrix<Sum> want = apart.result(), got = at_once.result();
  for (std::int64_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got.data()[i], want.data()[i], this->tolerance(5));
}

// Of 11 significant bits, a relative error of 2^-11 a factor.
TEST(GemmProducts, Tf32RoundsTheFactorsOnlyWhereAsked) {
  const Stream stream;
  const Blas blas(stream);
  constexpr std::int64_t kSize = 64;
  Shared<float> a(kSize, kSize, 0, 1), b(kSize, kSize, 0, 2), exact(kSize, kSize, 0, 3), rounded(kSize, kSize, 0, 4);
  multiply<float, float>(blas, a.device(), b.device(), exact.device(), {.products = Products::exact});
  multiply<float, float>(blas, a.device(), b.device(), rounded.device(), {.products = Products::tf32});
  stream.wait();
  const Matrix<float> got_exact = exact.result(), got_rounded = rounded.result();
  double largest = 0;
  for (std::int64_t i = 0; i < kSize; ++i) {
    for (std::int64_t j = 0; j < kSize; ++j) {
      double sum = 0, size = 0;
      for (std::int64_t k = 0; k < kSize; ++k) {
        sum += a(i, k) * b(k, j);
        size += std::abs(a(i, k) * b(k, j));
      }
      EXPECT_NEAR(static_cast<double>(got_exact(i, j)), sum, 0x1p-20 * size);
      EXPECT_NEAR(static_cast<double>(got_rounded(i, j)), sum, 0x1p-9 * size);
      largest = std::max(largest, std::abs(static_cast<double>(got_rounded(i, j)) - sum) / size);
    }
  }
  EXPECT_GT(largest, 0x1p-16);
}

TEST(GemmErrors, NameTheCallAndThePlace) {
  try {
    check(CUBLAS_STATUS_NOT_SUPPORTED, "cublasCall");
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::resource);
    const std::string message = error.what();
    EXPECT_NE(message.find("cublasCall"), std::string::npos);
    EXPECT_NE(message.find("CUBLAS_STATUS_NOT_SUPPORTED"), std::string::npos);
    EXPECT_NE(message.find("test_gemm.cpp:"), std::string::npos);
  }
}

TEST(GemmVersion, NamesTheLibrary) { EXPECT_EQ(blas_version().substr(0, 7), "cuBLAS "); }

}  // namespace
}  // namespace knowscale::cuda

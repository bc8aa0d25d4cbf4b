// SPDX-License-Identifier: BSD-3-Clause
// The host as an engine: a new kernel of it is a line here.
#include "kernels/blas/attention.hpp"
#include "kernels/engine.hpp"
#include "kernels/host_moments.hpp"
#include "kernels/reference/attention.hpp"
#include "kernels/simd/attention.hpp"

namespace knowscale {
namespace {

// Numbers of f16 are widened before they are multiplied.
std::span<const RateLimit> fma_rates(Precision precision) {
  static constexpr RateLimit f32[] = {{"fma_f32"}}, f64[] = {{"fma_f64"}}, bf16[] = {{"fma_bf16"}};
  return precision == Precision::f64 ? f64 : precision == Precision::bf16 ? bf16 : f32;
}

Kernel of_the_host(std::string_view name, Method method, const ByPrecision<ComputeState>& compute,
                   std::int64_t (*scratch_bytes)(Precision, const HeadShape&, int)) {
  return {.name = name,
          .method = method,
          .tiled = method != Method::plain,
          .compute = compute,
          .scratch_bytes = scratch_bytes,
          .limits = fma_rates,
          .reads_bytes = true,
          .screens = method == Method::fused};
}

std::span<const Kernel> kernels_of_the_host() {
  static const Kernel table[] = {
      of_the_host("reference", Method::plain, reference::compute, reference::scratch_bytes),
      of_the_host("blas", Method::products, blas::compute, blas::scratch_bytes),
      of_the_host("simd", Method::fused, simd::compute, simd::scratch_bytes),
  };
  return table;
}

// They are there.
template <class T>
std::shared_ptr<const void> keep(MatrixView<const T>, std::int64_t, std::int64_t) {
  return nullptr;
}

}  // namespace

const Engine& host_engine() {
  static const Engine engine = {
      .name = "host",
      .version = [] { return std::string(); },
      .kernels = kernels_of_the_host,
      .moments = sum_moments,
      .exact_moments = sum_moments_exactly,
      .top_keys = by_precision<FindTopKeys>([]<class T>() { return top_keys<T>; }),
      .seq2seq = seq2seq_on_host,
      .keep = by_precision<KeepRows>([]<class T>() { return keep<T>; }),
  };
  return engine;
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// Keys and values in bf16. Compiled once for each instruction set that Highway knows for this compiler; chosen at run
// time.
#include "kernels/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/stream_bf16.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include "kernels/simd/stream-inl.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::simd::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR
extern template void stream_past_few(const Pass<Bf16>& stream);  // few_bf16.cpp
#endif

void run_bf16(const Pass<Bf16>& stream) { choose(stream); }

}  // namespace knowscale::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace knowscale::simd {

HWY_EXPORT(run_bf16);

template <>
void run(const Pass<Bf16>& stream) {
  HWY_DYNAMIC_DISPATCH(run_bf16)(stream);
}

bool has_dot_of_pairs() {
#if HWY_ARCH_X86
  static const bool has = __builtin_cpu_supports("avx512bf16") != 0;
  return has && (hwy::SupportedTargets() & HWY_AVX3) != 0;
#else
  return false;
#endif
}

}  // namespace knowscale::simd
#endif  // HWY_ONCE

// SPDX-License-Identifier: BSD-3-Clause
// Keys and values in f32. Compiled once for each instruction set that Highway knows for this compiler; chosen at run
// time.
#include "kernels/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/stream_f32.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include "kernels/simd/stream-inl.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::simd::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR
extern template void stream_past_few(const Pass<float>& stream);  // few_f32.cpp
#endif

void run_f32(const Pass<float>& stream) { choose(stream); }

}  // namespace knowscale::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace knowscale::simd {

HWY_EXPORT(run_f32);

template <>
void run(const Pass<float>& stream) {
  HWY_DYNAMIC_DISPATCH(run_f32)(stream);
}

}  // namespace knowscale::simd
#endif  // HWY_ONCE

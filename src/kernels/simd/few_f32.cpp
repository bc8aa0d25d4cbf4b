// SPDX-License-Identifier: BSD-3-Clause
// Few queries past keys and values in f32 and in 8 bits, beside stream_f32.cpp because they take as long to compile as
// all the rest of it.
#include "kernels/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/few_f32.cpp"
#include <hwy/foreach_target.h>
// Must come after foreach_target.h.
#include "kernels/simd/stream-inl.hpp"

#if HWY_TARGET != HWY_SCALAR
KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::simd::HWY_NAMESPACE {

template void stream_past_few(const Pass<float>& stream);

}  // namespace knowscale::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

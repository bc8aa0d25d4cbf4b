// SPDX-License-Identifier: BSD-3-Clause
// Which of Highway's instruction sets code is compiled for, all of them in every file: include it before Highway, in
// kernels and in tests that ask for each. Every one costs the time of a whole compilation, so that those are left out
// that kernels gain nothing from: SSSE3, between the baseline and SSE4, and AVX3_DL, whose instructions are for
// integers and text.
#pragma once

#define KNOWSCALE_TARGETS_LEFT_OUT (HWY_SSSE3 | HWY_AVX3_DL)

// Arrays of vectors, which the sizeless types of SVE and RVV cannot form: a file that has such says so before.
#ifdef KNOWSCALE_ARRAYS_OF_VECTORS
#define HWY_DISABLED_TARGETS (KNOWSCALE_TARGETS_LEFT_OUT | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#else
#define HWY_DISABLED_TARGETS KNOWSCALE_TARGETS_LEFT_OUT
#endif

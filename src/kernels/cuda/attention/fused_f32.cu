// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/attention/fused_kernels.cuh"

template knowscale::cuda::FusedKernel<float> knowscale::cuda::fused_kernel(int, knowscale::cuda::PaddedWidths);

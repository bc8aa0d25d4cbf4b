// SPDX-License-Identifier: BSD-3-Clause
// The algebra of partial states on the device, in f32: what kernels/attention.hpp says of clear, merge, rescale and
// normalise, for rows [o_0 .. o_{dv-1} | l | m] in device memory. All calls only queue work on the stream.
#pragma once

#include <cstdint>

#include "core/matrix.hpp"
#include "kernels/cuda/runtime/device.hpp"

namespace knowscale::cuda {

// Sets rows to the identity of merge().
void clear(MatrixView<float> rows, const Stream& stream);

// into = into merged with from, row by row: the same bits for (from, into). Two identities merge to the identity.
void merge(MatrixView<float> into, MatrixView<const float> from, const Stream& stream);

// out = all of `count` states merged in their order, to the same bits as merge() of one after another into a cleared
// state; each is out.rows x out.cols numbers without gaps, right behind the one before. The identity where count is 0.
void merge_parts(const float* parts, std::int64_t count, MatrixView<float> out, const Stream& stream);

// maxima[i] = m of row i.
void read_maxima(MatrixView<const float> rows, float* maxima, const Stream& stream);

// Re-expresses rows against new maxima, at least their own.
void rescale(MatrixView<float> rows, const float* maxima, const Stream& stream);

// out row i = o / l of rows row i, 0 where no key was seen; rows.rows x (rows.cols - 2).
void normalise(MatrixView<const float> rows, MatrixView<float> out, const Stream& stream);

}  // namespace knowscale::cuda

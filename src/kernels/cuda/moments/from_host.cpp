// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/moments/from_host.hpp"

#include <algorithm>
#include <cassert>

#include "kernels/cuda/moments/moments.hpp"
#include "kernels/cuda/runtime/placed_rows.hpp"
#include "kernels/cuda/runtime/rank_device.hpp"
#include "kernels/cuda/runtime/staging.hpp"

namespace knowscale::cuda {
namespace {

// Buffers of one call at a time.
template <class A>
struct Workspace {
  Staging keys, values, sums;
  DeviceBuffer<A> weights;  // of all rows, for one kind and head
  DeviceBuffer<A> ranges;
};

template <class T>
struct PlacedKnowledge {
  PlacedRows<T> keys, values;
  std::int64_t rows = 0;

  MatrixView<const T> head(const PlacedRows<T>& of, std::int64_t number, std::int64_t columns) const {
    return {of.data + number * of.width, rows, columns, of.stride};
  }
};

template <class T>
PlacedKnowledge<T> place_all(RankDevice& device, Workspace<Accumulator<T>>& workspace, const MomentRows<T>& rows) {
  const HeadShape& shape = rows.shape;
  PlacedKnowledge<T> placed;
  placed.rows = rows.keys.rows;
  placed.keys = place(device, workspace.keys, rows.keys, shape.kv_heads, shape.key_dim);
  // The same place too, for then moments are known to be symmetric.
  placed.values = rows.values.data == rows.keys.data
                      ? placed.keys
                      : place(device, workspace.values, rows.values, shape.kv_heads, shape.value_dim);
  return placed;
}

// Queues the sums of all chunks of one kind and head: `to` is the first chunk's matrix, `step` numbers before the
// next's.
template <class T>
void sum_chunks(const WeightedRows<T>& rows, std::int64_t chunk, MatrixView<Accumulator<T>> to, std::int64_t step,
                Workspace<Accumulator<T>>& workspace, const Stream& stream) {
  for (std::int64_t begin = 0; begin < rows.keys.rows; begin += chunk, to.data += step) {
    const RowRange some = {begin, std::min(begin + chunk, rows.keys.rows)};
    moments<T>({rows.keys.slice_rows(some), rows.values.slice_rows(some), rows.weights + begin}, to, workspace.ranges,
               stream);
  }
}

}  // namespace

template <class T>
double moments_from_host(const MomentRows<T>& rows, std::span<const MomentKind> kinds, std::int64_t chunk,
                         MatrixView<Accumulator<T>> sums) {
  using A = Accumulator<T>;
  if (rows.keys.rows == 0) return 0;
  const HeadShape& shape = rows.shape;
  assert(shape.key_dim == shape.value_dim && sums.cols == shape.value_dim && sums.stride == sums.cols);
  assert(sums.rows == tiles_of(rows.keys.rows, chunk) * moment_rows(shape, kinds.size()));
  static Workspace<A> workspace;  // used under the device's lock
  RankDevice& device = RankDevice::in_use();
  const auto lock = device.enter();
  const Stream& stream = device.stream();
  device.copies().start(stream);
  const PlacedKnowledge<T> placed = place_all(device, workspace, rows);
  device.copies().loaded(stream);
  A* to = workspace.sums.template on_device<A>(sums.size());
  workspace.weights.reserve(placed.rows);
  const std::int64_t a_matrix = shape.key_dim * shape.value_dim, a_chunk = moment_rows(shape, kinds.size()) * sums.cols;
  for (const MomentKind& kind : kinds) {
    for (std::int64_t head = 0; head < shape.kv_heads; ++head, to += a_matrix) {
      const MatrixView<const T> keys = placed.head(placed.keys, head, shape.key_dim);
      const MatrixView<const T> values = kind.of_keys ? keys : placed.head(placed.values, head, shape.value_dim);
      moment_weights<T>(keys, kind.weight, workspace.weights.data(), stream);
      sum_chunks<T>({keys, values, workspace.weights.data()}, chunk,
                    {to, shape.key_dim, shape.value_dim, shape.value_dim}, a_chunk, workspace, stream);
    }
  }
  device.copies().computed(stream);
  std::copy_n(workspace.sums.template to_host<A>(sums.size(), stream), sums.size(), sums.data);
  return device.copies().stop(stream);
}

template double moments_from_host(const MomentRows<float>&, std::span<const MomentKind>, std::int64_t,
                                  MatrixView<float>);
template double moments_from_host(const MomentRows<double>&, std::span<const MomentKind>, std::int64_t,
                                  MatrixView<double>);
template double moments_from_host(const MomentRows<Bf16>&, std::span<const MomentKind>, std::int64_t,
                                  MatrixView<float>);
template double moments_from_host(const MomentRows<F16>&, std::span<const MomentKind>, std::int64_t, MatrixView<float>);

}  // namespace knowscale::cuda

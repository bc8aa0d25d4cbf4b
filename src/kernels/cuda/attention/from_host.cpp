// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/attention/from_host.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "kernels/cuda/runtime/placed_rows.hpp"

namespace knowscale::cuda {
namespace {

constexpr double kLog2e = 1.44269504088896340736;

// Kernels count queries, keys and rows of a head in 32 bits.
template <class T>
void require_sizes_fit(const AttentionInput<T>& input) {
  constexpr std::int64_t most = std::int64_t{1} << 30;
  require(input.keys.rows <= most && input.queries.rows * input.shape.heads <= most, ExitStatus::usage,
          "devices: " + std::to_string(input.queries.rows) + " queries of " + std::to_string(input.shape.heads) +
              " heads over a shard of " + std::to_string(input.keys.rows) +
              " keys, where at most 2^30 of each are taken: use more ranks");
}

// The widths that a method wants heads padded to.
PaddedWidths widths_of(Method method, const HeadShape& shape) {
  const bool wide = shape.key_dim > 256 || shape.value_dim > 256;
  if (method == Method::fused || !wide) return padded_widths(shape.key_dim, shape.value_dim);
  return {static_cast<int>(shape.key_dim), static_cast<int>(shape.value_dim)};
}

template <class T>
AttentionTask<T> task_of(RankDevice& device, Workspace<T>& workspace, const AttentionInput<T>& input,
                         PaddedWidths widths) {
  const HeadShape& shape = input.shape;
  const PlacedRows<T> queries =
      place(device, workspace.queries, input.queries, HeadLayout{shape.heads, shape.key_dim, widths.key});
  const PlacedRows<T> keys =
      place(device, workspace.keys, input.keys, HeadLayout{shape.kv_heads, shape.key_dim, widths.key});
  AttentionTask<T> task;
  task.queries = queries.data;
  task.query_stride = queries.stride;
  task.keys = keys.data;
  task.key_stride = keys.stride;
  const bool own_values = input.values.data == input.keys.data && widths.key == widths.value;
  if (!own_values) {
    const PlacedRows<T> values =
        place(device, workspace.values, input.values, HeadLayout{shape.kv_heads, shape.value_dim, widths.value});
    task.values = values.data;
    task.value_stride = values.stride;
  }
  task.query_count = static_cast<int>(input.queries.rows);
  task.key_count = static_cast<int>(input.keys.rows);
  task.kv_heads = static_cast<int>(shape.kv_heads);
  task.group = static_cast<int>(shape.heads / shape.kv_heads);
  task.scale_log2 = static_cast<float>(input.scale * kLog2e);
  task.causal = input.mask.causal;
  task.offset = input.mask.offset();
  task.value_dim = static_cast<int>(shape.value_dim);
  if (!input.mask.visible.empty()) {
    const auto count = static_cast<std::int64_t>(input.mask.visible.size());
    task.visible = workspace.visible.template to_device<std::uint8_t>({input.mask.visible.data(), 1, count, count},
                                                                      {1, count, count}, device.stream());
  }
  return task;
}

}  // namespace

template <class T>
void attend_from_host(RankDevice& device, Workspace<T>& workspace, Method method, const AttentionInput<T>& input,
                      float* out) {
  require_sizes_fit(input);
  const PaddedWidths widths = widths_of(method, input.shape);
  AttentionTask<T> task = task_of(device, workspace, input, widths);
  task.out = out;
  device.copies().loaded(device.stream());
  if (method == Method::fused) return attend_fused(task, widths, workspace.parts, device.stream());
  if constexpr (!std::is_same_v<T, F16>) {
    attend_by_products(task, widths, static_cast<int>(input.shape.key_dim), input.tiles, workspace.tiles, device.blas(),
                       method == Method::products_tf32 ? Products::tf32 : Products::exact);
  }
}

template <class T>
double compute(Method method, const AttentionInput<T>& input, MatrixView<float> out) {
  static Workspace<T> workspace;  // used under the device's lock
  RankDevice& device = RankDevice::in_use();
  const auto lock = device.enter();
  device.copies().start(device.stream());
  float* states = workspace.states.template on_device<float>(out.size());
  attend_from_host(device, workspace, method, input, states);
  device.copies().computed(device.stream());
  const float* arrived = workspace.states.template to_host<float>(out.size(), device.stream());
  for (std::int64_t i = 0; i < out.rows; ++i) std::copy_n(arrived + i * out.cols, out.cols, out.row(i));
  return device.copies().stop(device.stream());
}

template void attend_from_host(RankDevice&, Workspace<float>&, Method, const AttentionInput<float>&, float*);
template void attend_from_host(RankDevice&, Workspace<Bf16>&, Method, const AttentionInput<Bf16>&, float*);
template void attend_from_host(RankDevice&, Workspace<F16>&, Method, const AttentionInput<F16>&, float*);
template double compute(Method, const AttentionInput<float>&, MatrixView<float>);
template double compute(Method, const AttentionInput<Bf16>&, MatrixView<float>);
template double compute(Method, const AttentionInput<F16>&, MatrixView<float>);

}  // namespace knowscale::cuda

// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/cuda/runtime/placed_rows.hpp"

#include <cstddef>
#include <optional>

namespace knowscale::cuda {
namespace {

// Where `rows` (heads side by side, head_dim columns each) are kept, whatever their heads are padded to; none where
// they are not.
template <class T>
std::optional<PlacedRows<T>> find_kept(const RankDevice& device, MatrixView<const T> rows, std::int64_t heads,
                                       std::int64_t head_dim) {
  const ResidentRows* kept = rows.rows == 0 ? nullptr : device.find(rows.data);
  if (kept == nullptr || kept->stride != heads * kept->width || kept->width < head_dim) return {};
  const auto offset = static_cast<std::size_t>(reinterpret_cast<const std::byte*>(rows.data) - kept->begin);
  const auto row = static_cast<std::int64_t>(offset / kept->row_bytes);
  return PlacedRows<T>{reinterpret_cast<const T*>(kept->copy.data()) + row * kept->stride, kept->stride, kept->width};
}

}  // namespace

template <class T>
PlacedRows<T> place(RankDevice& device, Staging& staging, MatrixView<const T> rows, const HeadLayout& layout) {
  const auto kept = find_kept(device, rows, layout.heads, layout.columns);
  if (kept && kept->width == layout.width) return *kept;
  return {staging.to_device(rows, layout, device.stream()), layout.stride(), layout.width};
}

template <class T>
PlacedRows<T> place(RankDevice& device, Staging& staging, MatrixView<const T> rows, std::int64_t heads,
                    std::int64_t head_dim) {
  if (const auto kept = find_kept(device, rows, heads, head_dim)) return *kept;
  return place<T>(device, staging, rows, {heads, head_dim, head_dim});
}

template PlacedRows<float> place(RankDevice&, Staging&, MatrixView<const float>, const HeadLayout&);
template PlacedRows<float> place(RankDevice&, Staging&, MatrixView<const float>, std::int64_t, std::int64_t);
template PlacedRows<double> place(RankDevice&, Staging&, MatrixView<const double>, const HeadLayout&);
template PlacedRows<double> place(RankDevice&, Staging&, MatrixView<const double>, std::int64_t, std::int64_t);
template PlacedRows<Bf16> place(RankDevice&, Staging&, MatrixView<const Bf16>, const HeadLayout&);
template PlacedRows<Bf16> place(RankDevice&, Staging&, MatrixView<const Bf16>, std::int64_t, std::int64_t);
template PlacedRows<F16> place(RankDevice&, Staging&, MatrixView<const F16>, const HeadLayout&);
template PlacedRows<F16> place(RankDevice&, Staging&, MatrixView<const F16>, std::int64_t, std::int64_t);

}  // namespace knowscale::cuda

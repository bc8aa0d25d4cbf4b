// SPDX-License-Identifier: BSD-3-Clause
// The table of reductions: a new one is a line here.
#include "comm/reduction.hpp"

#include <array>
#include <bit>

#include "comm/packed.hpp"
#include "comm/reduce_scatter.hpp"
#include "comm/two_phase.hpp"
#include "core/named.hpp"

namespace knowscale {

template <class T>
std::span<const Reduction<T>> reductions() {
  static constexpr std::array<Reduction<T>, 3> table = {{
      {"packed", Placement::replicated, packed::run<T>, packed::traffic},
      {"two_phase", Placement::replicated, two_phase::run<T>, two_phase::traffic},
      {"reduce_scatter", Placement::sharded, reduce_scatter::run<T>, reduce_scatter::traffic},
  }};
  return table;
}

template <class T>
const Reduction<T>& reduction_by_name(std::string_view name) {
  return entry_by_name(reductions<T>(), "reduction", name);
}

RowRange result_rows(std::int64_t queries, std::int64_t heads, int ranks, int rank) {
  const RowRange own = row_range(queries, ranks, rank);
  return {own.begin * heads, own.end * heads};
}

Traffic allreduce_traffic(double bytes, int ranks) {
  if (ranks == 1) return {};
  constexpr double small = 10e3;
  const double steps = std::bit_width(static_cast<unsigned>(ranks - 1)), others = ranks - 1;  // steps: ceil(log2 p)
  if (bytes < small) return {steps, steps * bytes};
  return {2 * others, 2 * others / ranks * bytes};
}

template std::span<const Reduction<float>> reductions();
template std::span<const Reduction<double>> reductions();
template const Reduction<float>& reduction_by_name(std::string_view);
template const Reduction<double>& reduction_by_name(std::string_view);

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
// What the theory says of every model, in one place.
#include <array>

#include "core/named.hpp"
#include "truth/symmetry.hpp"

namespace knowscale {
namespace {

constexpr bool keeps = true, breaks = false;

struct Row {
  std::string_view name;
  std::array<bool, kSymmetries> kept;
};

// With one head and without a causal mask; should_keep() says what these change.
constexpr std::array<Row, 8> kTable = {{
    //               O(d)    by head knowledge sequence ranks  threads tiles  scaling key shift
    {"knowledge", {{keeps, keeps, keeps, keeps, keeps, keeps, keeps, keeps, keeps}}},
    {"self", {{keeps, keeps, keeps, keeps, keeps, keeps, keeps, keeps, keeps}}},
    // Shifted keys of the knowledge change its share against the tokens'.
    {"joint", {{keeps, keeps, keeps, keeps, keeps, keeps, keeps, keeps, breaks}}},
    // The weights of the moments see lengths.
    {"moment", {{keeps, keeps, keeps, keeps, keeps, keeps, keeps, breaks, breaks}}},
    {"linear", {{keeps, keeps, keeps, keeps, keeps, keeps, keeps, breaks, breaks}}},
    {"equivariant", {{keeps, keeps, keeps, keeps, keeps, keeps, keeps, breaks, breaks}}},
    // Linear maps before a softmax prefer axes, and leave the rest as it was.
    {"transformer", {{breaks, breaks, keeps, keeps, keeps, keeps, keeps, keeps, keeps}}},
    {"lstm", {{breaks, breaks, breaks, breaks, keeps, keeps, keeps, breaks, breaks}}},
}};

}  // namespace

std::string_view name_of(Symmetry symmetry) {
  constexpr std::array<std::string_view, kSymmetries> names = {
      "O(d)",    "O(d_h) by head", "permuted knowledge", "permuted sequence", "ranks",
      "threads", "tiles",          "scaled by 2",        "shifted keys"};
  return names[static_cast<std::size_t>(symmetry)];
}

bool should_keep(const Case& c, Symmetry symmetry) {
  if (symmetry == Symmetry::orthogonal && c.heads > 1) return false;  // the smaller group alone
  const bool rotates = symmetry == Symmetry::orthogonal || symmetry == Symmetry::orthogonal_by_head;
  if (rotates && c.projected && c.d == 1) return true;  // signs pass through a projection that is a number
  if (symmetry == Symmetry::sequence_permutation && c.causal) return false;
  return entry_by_name(std::span<const Row>(kTable), "model", c.model).kept[static_cast<std::size_t>(symmetry)];
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "core/matrix.hpp"

#include <sys/mman.h>

#include <new>

namespace knowscale {

void* allocate_aligned(std::size_t bytes) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const std::size_t alignment = bytes >= 2 * kHugePage ? kHugePage : kAlignment;
  void* p = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  // Hardware prefetch stops at the end of a page. A refusal costs speed alone.
  if (alignment == kHugePage) static_cast<void>(madvise(p, bytes, MADV_HUGEPAGE));
  return p;
}

}  // namespace knowscale

// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/simd/ways.hpp"

#include <hwy/highway.h>
#include <hwy/targets.h>
#include <unistd.h>

#include <algorithm>

namespace knowscale::simd {
namespace {

constexpr std::size_t kMany = kRowCounts.size() - 1;

std::int64_t system_size(int name, std::int64_t otherwise) {
  const long size = sysconf(name);
  return size > 0 ? size : otherwise;
}

// 512 bits beside a first level of 32 KiB: seen on Zen 4 (EPYC of family 25, model 17; 2026-11-24). There, for 1 query
// x 2^20 keys x 64 in f32, of the read rate: .54 with every line asked for into the first level, a block ahead; .46
// with none; in the order of memory (few_queries-inl.hpp) .86 with every line, .63 with none, .97 with a line of every
// KiB, a page ahead, into the second level, and .78 with that into the first. A plain read of lines in the order that
// 16 rows x 4 columns need them is at .43. For 16 queries, of the FMA rate: .75 in blocks of lanes, .89 in lanes.
bool wide_beside_a_small_cache() {
#if HWY_ARCH_X86
  return (hwy::SupportedTargets() & HWY_AVX3) != 0 && cache_sizes().l1 <= 32 << 10;
#else
  return false;
#endif
}

// Of the widest vectors that this processor and build have.
std::int64_t vector_bytes() {
#if HWY_ARCH_X86
  const auto targets = hwy::SupportedTargets();
  return (targets & HWY_AVX3) != 0 ? 64 : (targets & HWY_AVX2) != 0 ? 32 : 16;
#else
  return 16;
#endif
}

Ways& current() {
  static Ways ways = ways_of_hardware();
  return ways;
}

}  // namespace

const CacheSizes& cache_sizes() {
  static const CacheSizes sizes = {system_size(_SC_LEVEL1_DCACHE_SIZE, 32 << 10),
                                   system_size(_SC_LEVEL2_CACHE_SIZE, 512 << 10)};
  return sizes;
}

std::size_t class_of_rows(std::int64_t rows) {
  const auto found =
      std::find_if(kRowCounts.begin(), kRowCounts.end(), [&](const RowCounts& counts) { return rows <= counts.most; });
  return static_cast<std::size_t>(found - kRowCounts.begin());
}

// Measured with bench_attention on an AMD EPYC of family 26 (Zen 5, 48 KiB and 1 MiB a core), 2026-11-24. Other sizes
// around these were within 2 %, but for few queries: their keys and values are asked for a block ahead, and what is
// ahead must not push out what is in use (1 query: .88 of the read rate with blocks of 8 KiB, .75 with 32 KiB; 16
// queries: .61 of the FMA rate with 8 KiB, .77 with 32 KiB). On a Zen 4 4 queries are at .84 of the read rate with
// blocks of 8 KiB, at .80 with 16 KiB, .75 with 32 KiB, and 16 queries at .82, .87, .89 of the FMA rate. One that asks
// sparsely has nothing ahead in the first level (.97 of the read rate with 32 KiB; with 8 KiB .89). Bytes are a quarter
// of the lines for as many instructions: asking for each of them costs more than it brings (Zen 3, 1 query of int8:
// 2.1 times the speed of f32, sparsely 2.7).
const Ways& ways_of_hardware() {
  static const Ways ways = [] {
    const CacheSizes& caches = cache_sizes();
    const bool wide = wide_beside_a_small_cache();
    Ways made;
    for (const Precision precision : kPrecisions) {
      auto& of_precision = made.all[static_cast<std::size_t>(precision)];
      for (std::size_t i = 0; i < kMany; ++i) {
        const bool hidden_behind_reading = kRowCounts[i].most <= 4;
        of_precision[i] = {wide, wide, hidden_behind_reading && !(wide && i == 0) ? 8 << 10 : 32 << 10, caches.l2 / 2};
        if (hidden_behind_reading && in_bytes(precision)) of_precision[i] = {true, wide, 16 << 10, caches.l2 / 2};
      }
      of_precision[kMany] = {wide, wide, caches.l1 * 2 / 3, caches.l2 / 2};
    }
    return made;
  }();
  return ways;
}

std::vector<Way> alternatives(Precision precision, std::size_t row_class) {
  const Way usual = ways_of_hardware().all[static_cast<std::size_t>(precision)][row_class];
  std::vector<Way> all = {usual};
  const auto add = [&](Way way) {
    if (std::find(all.begin(), all.end(), way) == all.end()) all.push_back(way);
  };
  const RowCounts& rows = kRowCounts[row_class];
  if (in_bytes(precision) && rows.least > 4) return all;  // copied to numbers, as f32 likes them
  if (row_class == kMany) {
    const CacheSizes& caches = cache_sizes();
    for (const std::int64_t sixths : {2, 3, 6, 9})
      add({usual.sparsely, usual.in_lanes, caches.l1 * sixths / 6, usual.query_bytes});
    for (const std::int64_t eighths : {1, 2, 6})
      add({usual.sparsely, usual.in_lanes, usual.key_bytes, caches.l2 * eighths / 8});
    return all;
  }
  const std::int64_t bytes = vector_bytes(), lanes = bytes / (precision == Precision::f64 ? 8 : 4);
  const bool whole_vectors = bytes > 16 && rows.most <= (bytes == 64 || in_bytes(precision) ? 4 : 2);
  const bool in_lanes_too = lanes / 2 < rows.most && rows.least <= lanes && !in_bytes(precision);
  for (const std::int64_t kib : {4, 8, 16, 32, 64}) {
    const Way way = {usual.sparsely, usual.in_lanes, kib << 10, usual.query_bytes};
    add(way);
    if (whole_vectors) add({!usual.sparsely, usual.in_lanes, way.key_bytes, usual.query_bytes});
    if (in_lanes_too) add({usual.sparsely, !usual.in_lanes, way.key_bytes, usual.query_bytes});
  }
  return all;
}

const Ways& ways() { return current(); }
void take_ways(const Ways& ways) { current() = ways; }

}  // namespace knowscale::simd

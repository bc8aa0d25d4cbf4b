// SPDX-License-Identifier: BSD-3-Clause
// What one thread does with keys of one format, for the instruction set that this is compiled for: which of the ways
// past them its queries take. A format is a file (stream_f32.cpp, ...), so that they compile beside each other.
// Included again for every target. NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_STREAM_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_STREAM_INL
#undef KNOWSCALE_KERNELS_SIMD_STREAM_INL
#else
#define KNOWSCALE_KERNELS_SIMD_STREAM_INL
#endif

#include <hwy/highway.h>

#include <cmath>
#include <type_traits>

#include "kernels/simd/attention.hpp"
#include "kernels/simd/stream.hpp"
#if HWY_TARGET != HWY_SCALAR  // which has no 128-bit blocks
#include "kernels/simd/screened_queries-inl.hpp"
#endif
#include "kernels/simd/many_queries-inl.hpp"
#include "kernels/threads.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::simd::HWY_NAMESPACE {
using namespace knowscale::HWY_NAMESPACE;  // NOLINT: of the same target
namespace hn = hwy::HWY_NAMESPACE;

template <class Queries, class T>
void stream_past(Queries&& queries, const Pass<T>& stream) {
  auto blocks = queries.blocks(stream.rows.kv_head, stream.key_block);
  const auto range = [&](std::int64_t begin) -> RowRange {
    return {std::min(begin, stream.keys.end), std::min(begin + stream.key_block, stream.keys.end)};
  };
  for (std::int64_t begin = stream.keys.begin; begin < stream.keys.end; begin += stream.key_block) {
    queries.add(blocks.block(range(begin), range(begin + stream.key_block)));
    stream.threads.poll();
  }
  queries.write(stream.out);
}

#if HWY_TARGET != HWY_SCALAR
// Whether integers times these queries cannot overflow.
inline bool fit_integers(const Pass<float>& stream) {
  constexpr double kLargest = 0x1p60;
  for (std::int64_t i = 0; i < stream.rows.count; ++i) {
    const float* query = stream.rows.query(stream.input, i);
    for (std::int64_t c = 0; c < stream.input.shape.key_dim; ++c) {
      if (!(std::abs(query[c] * stream.input.scale) < kLargest)) return false;
    }
  }
  return true;
}

template <Precision kFormat, int kVectors, int kBlock>
bool stream_past_bytes(const Pass<float>& stream) {
  using Queries = FewQueries<float, FewBytes<kFormat>, kVectors, kBlock>;
  if (!Queries::in_place(stream.input.shape)) return false;
  stream_past(Queries(stream.input, stream.rows, stream.key_block, stream.way.sparsely, stream.slack), stream);
  return true;
}

// Bytes as they lie; more rows share the numbers that a block is copied to. False where these are needed.
template <Precision kFormat>
bool stream_past_bytes(const Pass<float>& stream) {
  if (stream.slack == kNoSlack || !stream.input.values.in_bytes() || !fit_integers(stream)) return false;
  const std::int64_t rows = stream.rows.count;
#if HWY_HAVE_SCALABLE || HWY_MAX_BYTES == 16
  if (rows <= static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<float>())) / 4) {
    return stream_past_bytes<kFormat, 1, 4>(stream);
  }
#else
  constexpr int kWhole = HWY_MAX_BYTES / sizeof(float);
  if (rows == 1) return stream_past_bytes<kFormat, 1, kWhole>(stream);
  if (rows == 2) return stream_past_bytes<kFormat, 2, kWhole>(stream);
  if (rows <= 4) return stream_past_bytes<kFormat, 4, kWhole>(stream);
#endif
  return false;
}

// Keys that matter alone; kNumbers, kNumberBlock: of the queries past these. False where nothing can be screened.
template <int kVectors, int kBlock, int kNumbers, int kNumberBlock>
bool stream_past_screened(const Pass<float>& stream) {
  using Rough = FewQueries<float, FewBytes<Precision::int8>, kVectors, kBlock>;
  using Exact = FewQueries<float, FewSingleNumbers<float>, kNumbers, kNumberBlock>;
  if (!Rough::in_place(stream.input.shape)) return false;
  ScreenedQueries<Rough, Exact>(stream).run();
  return true;
}
inline bool stream_past_screened(const Pass<float>& stream) {
  const AttentionInput<float>& input = stream.input;
  if (!input.screen || !input.mask.hides_nothing() || stream.slack == kNoSlack || !fit_integers(stream)) return false;
  const std::int64_t rows = stream.rows.count;
#if HWY_HAVE_SCALABLE || HWY_MAX_BYTES == 16
  if (rows <= static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<float>())) / 4) {
    return stream_past_screened<1, 4, 1, 4>(stream);
  }
#else
  constexpr int kWhole = HWY_MAX_BYTES / sizeof(float);
  if (rows == 1) return stream_past_screened<1, kWhole, 1, kWhole>(stream);
  if (rows == 2) return stream_past_screened<2, kWhole, 2, kWhole>(stream);
  if (rows <= 4) return stream_past_screened < 4, kWhole, kWhole == 8 ? 2 : 4, kWhole == 8 ? 4 : kWhole > (stream);
#endif
  return false;
}

template <class Numbers, int kVectors, int kBlock, class T>
void stream_past_few(const Pass<T>& stream) {
  using InPlace = FewQueries<T, Numbers, kVectors, kBlock>;
  using Copied = FewQueries<T, FewSingleNumbers<Accumulator<T>>, kVectors, kBlock>;
  const bool sparse = stream.way.sparsely;
  if constexpr (!std::is_same_v<InPlace, Copied>) {
    if (!InPlace::in_place(stream.input.shape)) {
      return stream_past(Copied(stream.input, stream.rows, stream.key_block, sparse, stream.slack), stream);
    }
  }
  stream_past(InPlace(stream.input, stream.rows, stream.key_block, sparse, stream.slack), stream);
}

// In the fewest lanes that hold the queries.
template <class T>
void stream_past_few(const Pass<T>& stream) {
  using L = Accumulator<T>;
  using Numbers = std::conditional_t<std::is_same_v<T, Bf16>, FewBf16, FewSingleNumbers<L>>;
  constexpr int kLargestBlock = 16 / sizeof(L);
  if constexpr (std::is_same_v<T, float>) {
    if (stream_past_screened(stream)) return;
    const StoredRows<float>& keys = stream.input.keys;
    if (keys.in_bytes() && (keys.bytes.layout.format == Precision::int8 ? stream_past_bytes<Precision::int8>(stream)
                                                                        : stream_past_bytes<Precision::fp8>(stream))) {
      return;
    }
  }
  const std::int64_t rows = stream.rows.count, lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<L>()));
#if HWY_HAVE_SCALABLE || HWY_MAX_BYTES == 16
  if (rows <= lanes / kLargestBlock) return stream_past_few<Numbers, 1, kLargestBlock>(stream);
#else
  constexpr int kWhole = HWY_MAX_BYTES / sizeof(L);
  if (rows == 1) return stream_past_few<Numbers, 1, kWhole>(stream);
  if (rows == 2) return stream_past_few<Numbers, 2, kWhole>(stream);
  if constexpr (HWY_MAX_BYTES == 64) {
    if (rows <= 4) return stream_past_few<Numbers, 4, kWhole>(stream);
  }
#endif
  if (rows <= 2 * lanes / kLargestBlock) return stream_past_few<Numbers, 2, kLargestBlock>(stream);
  stream_past_few<Numbers, 2, 2>(stream);
}
#endif

template <int kVectors, class T>
void stream_past_many(const Pass<T>& stream) {
#if KNOWSCALE_HAVE_DOT_OF_PAIRS
  if constexpr (std::is_same_v<T, Bf16>) {
    if (has_dot_of_pairs()) {
      using Queries = ManyQueries<T, PairsOfBf16, kVectors>;
      return stream_past(Queries(stream.input, stream.rows, stream.key_block, stream.slack), stream);
    }
  }
#endif
  using Queries = ManyQueries<T, SingleNumbers<T>, kVectors>;
  stream_past(Queries(stream.input, stream.rows, stream.key_block, stream.slack), stream);
}

template <class T>
void choose(const Pass<T>& stream) {
#if HWY_TARGET != HWY_SCALAR
  const std::int64_t rows = stream.rows.count, most = most_few_queries<Accumulator<T>>();
  if (rows <= most / 2 || (rows <= most && !stream.way.in_lanes)) return stream_past_few(stream);
  if (rows <= most) return stream_past_many<1>(stream);
#endif
  stream_past_many<kManyVectors>(stream);
}

}  // namespace knowscale::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_SIMD_STREAM_INL

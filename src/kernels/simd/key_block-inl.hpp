// SPDX-License-Identifier: BSD-3-Clause
// A block of keys and values of one head as the products read it: in place where they can, else copied once a block to
// where it stays in cache. Included again for every target.
// NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_KEY_BLOCK_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_KEY_BLOCK_INL
#undef KNOWSCALE_KERNELS_SIMD_KEY_BLOCK_INL
#else
#define KNOWSCALE_KERNELS_SIMD_KEY_BLOCK_INL
#endif

#include <algorithm>
#include <cstdint>
#include <limits>

#include "kernels/attention.hpp"
#include "kernels/simd/target-inl.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int64_t round_up(std::int64_t count, std::int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

// Keys [begin, begin + count) of a shard of numbers of type T, as numbers of type E.
template <class T, class E>
struct KeyBlock {
  std::int64_t begin = 0;
  std::int64_t count = 0;
  MatrixView<const E> keys;    // count rows; whole tiles of rows may be read but for the last, incomplete one
  MatrixView<const E> tail;    // that one, padded with rows of zeros
  MatrixView<const E> values;  // count rows, or half as many of pairs
  // Of rows in bytes that are read as they are, what their lanes have to be multiplied by; 0 behind the last key.
  const float* key_scales = nullptr;
  const float* value_scales = nullptr;
  const Accumulator<T>* position = nullptr;  // of a masked block, as BlockMask; else null
  MatrixView<const std::uint8_t> next_keys;  // bytes of the next block, as they lie in memory; may have no rows
  MatrixView<const std::uint8_t> next_values;

  // The rows of tile t of `tile` keys.
  const E* tile_rows(std::int64_t t, std::int64_t tile) const {
    return (t + 1) * tile <= count ? keys.row(t * tile) : tail.data;
  }
  std::int64_t tile_stride(std::int64_t t, std::int64_t tile) const {
    return (t + 1) * tile <= count ? keys.stride : tail.stride;
  }
};

// Copies rows to `to`, whose rows may be longer and more: the rest is zero. E is T or what T is widened to: float from
// 16 bits, double from float.
template <class T, class E>
HWY_NOINLINE void copy_rows(MatrixView<const T> from, MatrixView<E> to) {
  for (std::int64_t i = 0; i < to.rows; ++i) {
    std::int64_t j = 0;
    if (i < from.rows) {
      const T* row = from.row(i);
      if constexpr (std::is_same_v<T, E>) {
        std::copy_n(row, from.cols, to.row(i));
        j = from.cols;
      } else {
        const hn::ScalableTag<E> d;
        const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
        for (; j + lanes <= from.cols; j += lanes) {
          if constexpr (std::is_same_v<T, float>) {
            const hn::Rebind<float, decltype(d)> half;
            hn::StoreU(hn::PromoteTo(d, hn::LoadU(half, row + j)), d, to.row(i) + j);
          } else if constexpr (std::is_same_v<T, Bf16>) {
            const hn::Rebind<std::uint16_t, decltype(d)> half;
            const hn::RebindToUnsigned<decltype(d)> whole;
            const auto bits = hn::PromoteTo(whole, hn::LoadU(half, reinterpret_cast<const std::uint16_t*>(row + j)));
            hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(bits)), d, to.row(i) + j);
          } else {
            const hn::Rebind<hwy::float16_t, decltype(d)> half;
            const auto numbers = hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(row + j));
            hn::StoreU(hn::PromoteTo(d, numbers), d, to.row(i) + j);
          }
        }
        for (; j < from.cols; ++j) to(i, j) = static_cast<E>(row[j]);
      }
    }
    std::fill(to.row(i) + j, to.row(i) + to.cols, E{});
  }
}

// Numbers without their scale, as many as lanes.
template <Precision kFormat>
HWY_INLINE hn::Vec<hn::ScalableTag<float>> decoded_lanes(const std::uint8_t* bytes) {
  const hn::ScalableTag<float> d;
  if constexpr (kFormat == Precision::int8) {
    const hn::Rebind<std::int8_t, decltype(d)> d8;
    const hn::RebindToSigned<decltype(d)> d32;
    return hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, reinterpret_cast<const std::int8_t*>(bytes))));
  } else {
    // e4m3 are the upper bits of a binary16 whose exponent is 8 more.
    const hn::Rebind<std::uint8_t, decltype(d)> d8;
    const hn::Rebind<std::int16_t, decltype(d)> d16;
    const hn::Rebind<hwy::float16_t, decltype(d)> half;
    const auto high = hn::ShiftLeft<8>(hn::PromoteTo(d16, hn::LoadU(d8, bytes)));
    const auto bits = hn::And(hn::ShiftRight<1>(high), hn::Set(d16, static_cast<std::int16_t>(0xbfff)));
    return hn::PromoteTo(d, hn::BitCast(half, bits));
  }
}
template <Precision kFormat>
constexpr float scale_of_lanes(float scale) {
  return kFormat == Precision::int8 ? scale : 256 * scale;
}

// Of numbers in words of four bytes, as few_queries-inl.hpp makes them: int8 come as the upper byte of an integer.
constexpr float scale_of_words(Precision format) { return format == Precision::int8 ? 0x1p-24f : 1; }

// The numbers of one head of rows in bytes, to rows that may be longer and more: the rest is zero.
template <Precision kFormat>
HWY_NOINLINE void dequantise_rows(const ByteRows& from, std::int64_t head, MatrixView<float> to) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t width = from.layout.width, rows = from.records.rows;
  for (std::int64_t i = 0; i < to.rows; ++i) {
    float* row = to.row(i);
    std::int64_t j = 0;
    if (i < rows) {
      const std::uint8_t* bytes = from.bytes(i, head);
      const float scale = from.scale(i, head);
      const auto scales = hn::Set(d, scale_of_lanes<kFormat>(scale));
      for (; j + lanes <= width; j += lanes) hn::StoreU(hn::Mul(scales, decoded_lanes<kFormat>(bytes + j)), d, row + j);
      for (; j < width; ++j) row[j] = scale * decoded(kFormat, bytes[j]);
    }
    std::fill(row + j, row + to.cols, 0.0f);
  }
}

// Row i of `to` holds rows 2 i and 2 i + 1 of `from`, element by element; zeros behind the end.
HWY_NOINLINE inline void pair_rows(MatrixView<const Bf16> from, MatrixView<Bf16> to) {
  const hn::ScalableTag<std::uint32_t> d;
  const hn::Rebind<std::uint16_t, decltype(d)> half;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < to.rows; ++i) {
    const bool alone = 2 * i + 1 == from.rows;
    const auto* first = reinterpret_cast<const std::uint16_t*>(from.row(2 * i));
    const auto* second = alone ? first : reinterpret_cast<const std::uint16_t*>(from.row(2 * i + 1));
    const std::uint32_t mask = alone ? 0 : 0xffff0000u;
    auto* pairs = reinterpret_cast<std::uint32_t*>(to.row(i));
    std::int64_t j = 0;
    for (; j + lanes <= from.cols; j += lanes) {
      const auto low = hn::PromoteTo(d, hn::LoadU(half, first + j)),
                 high = hn::PromoteTo(d, hn::LoadU(half, second + j));
      hn::StoreU(hn::Or(low, hn::And(hn::ShiftLeft<16>(high), hn::Set(d, mask))), d, pairs + j);
    }
    for (; j < from.cols; ++j) pairs[j] = first[j] | (static_cast<std::uint32_t>(second[j]) << 16 & mask);
    std::fill(pairs + j, pairs + to.cols / 2, 0u);
  }
}

// Keys or values of one head, as they are stored.
template <class T>
struct RowsOfHead {
  StoredRows<T> all;
  std::int64_t head, cols;

  std::int64_t stride() const { return all.in_bytes() ? cols : all.stride; }  // of numbers
  MatrixView<const T> numbers(RowRange range) const { return all.slice_rows(range).slice_cols(head * cols, cols); }
  // What of these rows lies in memory, but for scales.
  MatrixView<const std::uint8_t> memory(RowRange range) const {
    if (all.in_bytes()) return all.bytes.records.slice_rows(range).slice_cols(head * cols, cols);
    const MatrixView<const T> rows = numbers(range);
    constexpr auto kBytes = static_cast<std::int64_t>(sizeof(T));
    return {reinterpret_cast<const std::uint8_t*>(rows.data), rows.rows, rows.cols * kBytes, rows.stride * kBytes};
  }
  template <class E>
  void copy_to(RowRange range, MatrixView<E> to) const {
    if constexpr (std::is_same_v<E, float> && std::is_same_v<T, float>) {
      if (all.in_bytes()) {
        const ByteRows rows = all.slice_rows(range).bytes;
        return rows.layout.format == Precision::int8 ? dequantise_rows<Precision::int8>(rows, head, to)
                                                     : dequantise_rows<Precision::fp8>(rows, head, to);
      }
    }
    copy_rows<T, E>(numbers(range), to);
  }
};

// Lays out one block after another.
template <class T, class E, bool kPairValues>
class KeyBlocks {
  using L = Accumulator<T>;
  static constexpr bool kInBytes = std::is_same_v<E, std::uint8_t>;  // as they lie, whole vectors of them

 public:
  // Blocks of at most block_keys keys in tiles of tile_keys. Where the products read whole vectors (blocks) of
  // key_width or value_width numbers, rows that are no multiple are copied and padded; so are rows of another type, in
  // bytes, and
  // with `compact` rows that do not lie one behind the other: those of one of several heads share few sets of a cache.
  KeyBlocks(const AttentionInput<T>& input, std::int64_t kv_head, std::int64_t block_keys, std::int64_t tile_keys,
            std::int64_t key_width, std::int64_t value_width, bool compact)
      : mask_(input.mask),
        keys_{input.keys, kv_head, input.shape.key_dim},
        values_{input.values, kv_head, input.shape.value_dim},
        tile_keys_(tile_keys) {
    const std::int64_t rows = round_up(block_keys, tile_keys);
    const std::int64_t key_cols = round_up(keys_.cols, key_width), value_cols = round_up(values_.cols, value_width);
    tail_ = Matrix<E>(tile_keys, key_cols);
    const auto copies = [&](const RowsOfHead<T>& rows_of, std::int64_t cols) {
      if (kInBytes) return false;
      return !std::is_same_v<T, E> || rows_of.all.in_bytes() || cols != rows_of.cols ||
             (compact && cols != rows_of.stride());
    };
    if (copies(keys_, key_cols)) key_copy_ = Matrix<E>(rows, key_cols);
    one_copy_ = !kPairValues && key_copy_.rows() > 0 && key_cols == value_cols && keys_.all.are(values_.all);
    if (kPairValues) {
      value_copy_ = Matrix<E>((rows + 1) / 2, 2 * value_cols);
    } else if (!one_copy_ && copies(values_, value_cols)) {
      value_copy_ = Matrix<E>(rows, value_cols);
    }
    position_ = Matrix<L>(1, rows);
    if (kInBytes) scales_ = Matrix<float>(2, rows);
  }

  // The block of these keys, before that of `next`; valid until the next call.
  KeyBlock<T, E> block(RowRange range, RowRange next) {
    KeyBlock<T, E> block;
    block.begin = range.begin;
    block.count = range.size();
    const std::int64_t complete = block.count / tile_keys_ * tile_keys_, rest = block.count - complete;
    if (key_copy_.rows() > 0) {
      block.keys = copied(keys_, range, key_copy_);
    } else {
      if constexpr (kInBytes) block.keys = keys_.memory(range);
      if constexpr (std::is_same_v<T, E>) block.keys = keys_.numbers(range);
    }
    if (rest > 0) {
      const RowRange tail = {range.begin + complete, range.end};
      if constexpr (kInBytes) {
        copy_rows<E, E>(keys_.memory(tail), tail_.view());
      } else {
        keys_.template copy_to<E>(tail, tail_.view());
      }
      block.tail = tail_.view();
    }
    if constexpr (kPairValues) {
      pair_rows(values_.numbers(range), value_copy_.view().slice_rows({0, (block.count + 1) / 2}));
      block.values = value_copy_.view();
    } else if (one_copy_) {
      block.values = block.keys;
    } else if (value_copy_.rows() > 0) {
      block.values = copied(values_, range, value_copy_);
    } else {
      if constexpr (kInBytes) block.values = values_.memory(range);
      if constexpr (std::is_same_v<T, E>) block.values = values_.numbers(range);
    }
    if constexpr (kInBytes) {
      block.key_scales = scales(keys_, range, scales_.row(0));
      block.value_scales = keys_.all.are(values_.all) ? block.key_scales : scales(values_, range, scales_.row(1));
    }
    block.position = positions(range);
    block.next_keys = keys_.memory(next);
    block.next_values = values_.memory(next);
    return block;
  }

 private:
  static MatrixView<const E> copied(const RowsOfHead<T>& rows, RowRange range, Matrix<E>& copy) {
    const MatrixView<E> to = copy.view().slice_rows({0, range.size()});
    if constexpr (!kInBytes) rows.template copy_to<E>(range, to);
    return to;
  }

  const float* scales(const RowsOfHead<T>& rows, RowRange range, float* to) {
    const ByteRows& bytes = rows.all.bytes;
    const float factor = scale_of_words(bytes.layout.format);
    std::int64_t k = 0;
#pragma GCC unroll 4
    for (; k < range.size(); ++k) to[k] = bytes.scale(range.begin + k, rows.head);
    std::fill(to + k, to + scales_.cols(), 0.0f);
    for (k = 0; k < scales_.cols(); ++k) to[k] *= factor;
    return to;
  }

  const L* positions(RowRange range) {
    const bool incomplete = range.size() % tile_keys_ != 0;
    if (!incomplete && !mask_.causal && mask_.visible.empty()) return nullptr;
    for (std::int64_t k = 0; k < position_.cols(); ++k) {
      const bool seen =
          k < range.size() && (mask_.visible.empty() || mask_.visible[static_cast<std::size_t>(range.begin + k)] != 0);
      position_(0, k) = seen ? static_cast<L>(k) : std::numeric_limits<L>::infinity();
    }
    return position_.data();
  }

  const Mask mask_;
  RowsOfHead<T> keys_, values_;
  std::int64_t tile_keys_;
  bool one_copy_ = false;  // of rows that are keys and values
  Matrix<E> tail_, key_copy_, value_copy_;
  Matrix<L> position_;
  Matrix<float> scales_;
};

// Keys of the block that query `query` may see: [0, limit).
inline std::int64_t visible_limit(const Mask& mask, std::int64_t query, std::int64_t begin, std::int64_t count) {
  if (!mask.causal) return count;
  return std::clamp<std::int64_t>(query + mask.offset() + 1 - begin, 0, count);
}

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_SIMD_KEY_BLOCK_INL

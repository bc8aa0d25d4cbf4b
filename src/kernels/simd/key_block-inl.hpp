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
  const Accumulator<T>* position = nullptr;  // of a masked block, as BlockMask; else null
  MatrixView<const T> next_keys;             // of the next block, as they lie in memory; may have no rows
  MatrixView<const T> next_values;

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

// Lays out one block after another.
template <class T, class E, bool kPairValues>
class KeyBlocks {
  using L = Accumulator<T>;

 public:
  // Blocks of at most block_keys keys in tiles of tile_keys. Where the products read whole vectors (blocks) of
  // key_width or value_width numbers, rows that are no multiple are copied and padded; so are rows of another type, and
  // with `compact` rows that do not lie one behind the other: those of one of several heads share few sets of a cache.
  KeyBlocks(const AttentionInput<T>& input, std::int64_t kv_head, std::int64_t block_keys, std::int64_t tile_keys,
            std::int64_t key_width, std::int64_t value_width, bool compact)
      : mask_(input.mask),
        keys_(input.keys.slice_cols(kv_head * input.shape.key_dim, input.shape.key_dim)),
        values_(input.values.slice_cols(kv_head * input.shape.value_dim, input.shape.value_dim)),
        tile_keys_(tile_keys) {
    const std::int64_t rows = round_up(block_keys, tile_keys);
    const std::int64_t key_cols = round_up(keys_.cols, key_width), value_cols = round_up(values_.cols, value_width);
    tail_ = Matrix<E>(tile_keys, key_cols);
    if (!std::is_same_v<T, E> || key_cols != keys_.cols || (compact && keys_.cols != keys_.stride))
      key_copy_ = Matrix<E>(rows, key_cols);
    if (kPairValues) {
      value_copy_ = Matrix<E>((rows + 1) / 2, 2 * value_cols);
    } else if (!std::is_same_v<T, E> || value_cols != values_.cols || (compact && values_.cols != values_.stride)) {
      value_copy_ = Matrix<E>(rows, value_cols);
    }
    position_ = Matrix<L>(1, rows);
  }

  // The block of these keys, before that of `next`; valid until the next call.
  KeyBlock<T, E> block(RowRange range, RowRange next) {
    KeyBlock<T, E> block;
    block.begin = range.begin;
    block.count = range.size();
    const std::int64_t complete = block.count / tile_keys_ * tile_keys_, rest = block.count - complete;
    const MatrixView<const T> keys = keys_.slice_rows(range), values = values_.slice_rows(range);
    if (key_copy_.rows() > 0) {
      block.keys = copied(keys, key_copy_);
    } else {
      if constexpr (std::is_same_v<T, E>) block.keys = keys;
    }
    if (rest > 0) {
      copy_rows<T, E>(keys.slice_rows({complete, block.count}), tail_.view());
      block.tail = tail_.view();
    }
    if constexpr (kPairValues) {
      pair_rows(values, value_copy_.view().slice_rows({0, (block.count + 1) / 2}));
      block.values = value_copy_.view();
    } else if (value_copy_.rows() > 0) {
      block.values = copied(values, value_copy_);
    } else {
      if constexpr (std::is_same_v<T, E>) block.values = values;
    }
    block.position = positions(range);
    block.next_keys = keys_.slice_rows(next);
    block.next_values = values_.slice_rows(next);
    return block;
  }

 private:
  static MatrixView<const E> copied(MatrixView<const T> rows, Matrix<E>& copy) {
    const MatrixView<E> to = copy.view().slice_rows({0, rows.rows});
    copy_rows<T, E>(rows, to);
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
  MatrixView<const T> keys_, values_;
  std::int64_t tile_keys_;
  Matrix<E> tail_, key_copy_, value_copy_;
  Matrix<L> position_;
};

// Keys of the block that query `query` may see: [0, limit).
inline std::int64_t visible_limit(const Mask& mask, std::int64_t query, std::int64_t begin, std::int64_t count) {
  if (!mask.causal) return count;
  return std::clamp<std::int64_t>(query + mask.offset() + 1 - begin, 0, count);
}

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_SIMD_KEY_BLOCK_INL

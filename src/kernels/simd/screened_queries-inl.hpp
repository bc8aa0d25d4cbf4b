// SPDX-License-Identifier: BSD-3-Clause
// Few queries past keys of which most do not matter, with the result of f32: keys are scored by their bytes first, and
// those alone are read in f32 that may weigh more than 2^-24 / m of the leading one, whatever the bytes rounded:
//
//   |s - s'| <= e = b sum_c |q_c| r,   r: half the scale of the key, and what the score's own sum rounds
//   a key matters unless s' + e < max (s' - e) - 24 - log2 m      in units of log 2, over the keys seen so far
//
// What is left out weighs less than 2^-24 all together, which is what f32 rounds. (Screening by bounds on scores, as
// for the search of nearest neighbours: VA-file, Weber, Schek & Blott 1998.) Blocks whose keys matter by half or more
// are read plainly, and so are the next ones, but for a block now and then. Included again for every target.
// NOLINTNEXTLINE: toggled include guard
#if defined(KNOWSCALE_KERNELS_SIMD_SCREENED_QUERIES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef KNOWSCALE_KERNELS_SIMD_SCREENED_QUERIES_INL
#undef KNOWSCALE_KERNELS_SIMD_SCREENED_QUERIES_INL
#else
#define KNOWSCALE_KERNELS_SIMD_SCREENED_QUERIES_INL
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/simd/few_queries-inl.hpp"
#include "kernels/simd/stream.hpp"
#include "kernels/threads.hpp"

KNOWSCALE_BEFORE_NAMESPACE();
namespace knowscale::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rough scores bytes, Exact computes with numbers: both FewQueries of the same rows.
template <class Rough, class Exact>
class ScreenedQueries {
  using D = hn::ScalableTag<float>;
  using Layout = typename Rough::Layout;
  static constexpr std::int64_t kScreenedKeys = 256;  // a block
  static constexpr std::int64_t kKeptKeys = 64;       // that are computed with at once
  static constexpr std::int64_t kPlainBlocks = 15;    // before the next one is screened

 public:
  explicit ScreenedQueries(const simd::Pass<float>& pass)
      : pass_(pass),
        of_bytes_(input_of_bytes(pass.input)),
        of_kept_(pass.input),
        rough_(of_bytes_, pass.rows, kScreenedKeys, true, pass.slack),
        exact_(pass.input, pass.rows, std::max(kKeptKeys, pass.key_block), pass.way.sparsely, pass.slack),
        kept_keys_(kKeptKeys, pass.input.shape.key_dim),
        kept_values_(kKeptKeys, pass.input.shape.value_dim),
        lanes_(2, Rough::kScoreVectors * Rough::lanes()),
        uppers_(1, Rough::lanes()) {
    of_kept_.shape = {pass.input.shape.heads / pass.input.shape.kv_heads, 1, pass.input.shape.key_dim,
                      pass.input.shape.value_dim};
    of_kept_.keys = kept_keys_.view();
    of_kept_.values = own_values() ? of_kept_.keys : StoredRows<float>(kept_values_.view());
    below_ =
        static_cast<float>(24 + std::log2(static_cast<double>(std::max<std::int64_t>(pass.input.screen.of_keys, 1))));
    set_radii();
    std::fill_n(highest(), lanes_.cols(), -std::numeric_limits<float>::infinity());
  }

  void run() {
    auto bytes = rough_.blocks(pass_.rows.kv_head, kScreenedKeys);
    auto numbers = exact_.blocks(pass_.rows.kv_head, pass_.key_block);
    auto kept = Exact::blocks_of(of_kept_, 0, kKeptKeys);
    std::int64_t plain = 0;
    const auto up_to = [&](std::int64_t key) { return std::min(key, pass_.keys.end); };
    for (std::int64_t begin = pass_.keys.begin; begin < pass_.keys.end; begin += kScreenedKeys) {
      const RowRange range = {begin, up_to(begin + kScreenedKeys)};
      std::int64_t read = range.size();
      if (plain > 0) {
        --plain;
        for (std::int64_t at = range.begin; at < range.end; at += pass_.key_block) {
          const std::int64_t end = std::min(at + pass_.key_block, range.end);
          exact_.add(numbers.block({at, end}, {end, up_to(end + pass_.key_block)}));
        }
      } else {
        const auto block = bytes.block(range, {range.end, up_to(range.end + kScreenedKeys)});
        rough_.score(block);
        raise_highest(block);
        read = keep(block, kept);
        if (2 * read > range.size()) plain = kPlainBlocks;
      }
      screened_ += range.size();
      read_ += read;
      pass_.threads.poll();
    }
    add_kept(kept);
    exact_.write(pass_.out);
    pass_.input.screen.count->screened += screened_;
    pass_.input.screen.count->read += read_;
  }

 private:
  using Bytes = KeyBlock<float, std::uint8_t>;

  static AttentionInput<float> input_of_bytes(const AttentionInput<float>& input) {
    AttentionInput<float> bytes = input;
    bytes.keys = input.screen.keys;
    bytes.values = bytes.keys;
    bytes.shape.value_dim = bytes.shape.key_dim;
    return bytes;
  }
  bool own_values() const { return pass_.input.values.are(pass_.input.keys); }
  float* radii() { return lanes_.row(0); }
  float* highest() { return lanes_.row(1); }  // of the scores' lower bounds, over the keys seen

  // e over the scale of a key as blocks have it, for each lane's query: half a step of each component, what the
  // division by the scale rounded, and d roundings of products of up to 127 steps.
  void set_radii() {
    const AttentionInput<float>& input = pass_.input;
    const double of_step = 0.5 + 0x1p-18 + 127 * 0x1p-23 * static_cast<double>(input.shape.key_dim + 8);
    std::fill_n(radii(), lanes_.cols(), 0.0f);
    for (std::int64_t i = 0; i < pass_.rows.count; ++i) {
      const float* query = pass_.rows.query(input, i);
      double sum = 0;
      for (std::int64_t c = 0; c < input.shape.key_dim; ++c) sum += std::abs(double{query[c]});
      const double radius = 1.0001 * of_step * sum * input.scale * kLog2e / scale_of_words(Precision::int8);
      std::fill_n(radii() + i * Rough::kKeys, Rough::kKeys, static_cast<float>(radius));
    }
  }

  // Lanes without a query score 0 and have no part in anything.
  bool has_query(std::int64_t lane) const { return lane / Rough::kKeys < pass_.rows.count; }

  void raise_highest(const Bytes& block) {
    float* high = highest();
    const float* radius = radii();
    rough_.each_score(block, [&](std::int64_t key, auto score, int v) KNOWSCALE_INLINE_ATTR {
      const std::int64_t at = v * Rough::lanes();
      const auto lower = hn::NegMulAdd(hn::LoadU(D(), radius + at), Layout::per_key(block.key_scales + key), score);
      hn::StoreU(hn::Max(hn::LoadU(D(), high + at), lower), D(), high + at);
    });
    for (int v = 0; v < Rough::kScoreVectors; ++v) {
      float* at = high + v * Rough::lanes();
      hn::StoreU(Layout::spread_max(hn::LoadU(D(), at)), D(), at);
    }
  }

  // Copies the rows of keys that may matter, and computes with them when there are enough. Returns how many.
  template <class Kept>
  std::int64_t keep(const Bytes& block, Kept& kept) {
    const float *high = highest(), *radius = radii();
    const auto below = hn::Set(D(), below_);
    std::int64_t count = 0;
    rough_.each_score(block, [&](std::int64_t key, auto score, int v) KNOWSCALE_INLINE_ATTR {
      const std::int64_t at = v * Rough::lanes();
      const auto upper = hn::MulAdd(hn::LoadU(D(), radius + at), Layout::per_key(block.key_scales + key), score);
      const auto over = hn::Sub(upper, hn::Sub(hn::LoadU(D(), high + at), below));
      if (v == 0) marked_ = 0;
      if (!hn::AllTrue(D(), hn::Lt(over, hn::Zero(D())))) mark(over, v);
      if (v + 1 == Rough::kScoreVectors && marked_ != 0) count += keep_marked(block.begin + key, kept);
    });
    return count;
  }

  HWY_NOINLINE void mark(hn::Vec<D> over, int v) {
    hn::StoreU(over, D(), uppers_.data());
    for (std::int64_t lane = 0; lane < Rough::lanes(); ++lane) {
      if (has_query(v * Rough::lanes() + lane) && !(uppers_(0, lane) < 0)) marked_ |= 1u << (lane % Rough::kKeys);
    }
  }

  template <class Kept>
  std::int64_t keep_marked(std::int64_t first, Kept& kept) {
    std::int64_t count = 0;
    for (std::int64_t key = first; marked_ != 0; ++key, marked_ >>= 1) {
      if ((marked_ & 1) == 0) continue;
      copy_row(pass_.input.keys, key, kept_keys_);
      if (!own_values()) copy_row(pass_.input.values, key, kept_values_);
      ++count;
      if (++kept_count_ == kKeptKeys) add_kept(kept);
    }
    return count;
  }
  void copy_row(const StoredRows<float>& rows, std::int64_t key, Matrix<float>& to) const {
    std::copy_n(rows.row(key) + pass_.rows.kv_head * to.cols(), to.cols(), to.row(kept_count_));
  }
  template <class Kept>
  HWY_NOINLINE void add_kept(Kept& kept) {
    if (kept_count_ > 0) exact_.add(kept.block({0, kept_count_}, {0, 0}));
    kept_count_ = 0;
  }

  const simd::Pass<float>& pass_;
  AttentionInput<float> of_bytes_, of_kept_;
  Rough rough_;
  Exact exact_;
  Matrix<float> kept_keys_, kept_values_;
  std::int64_t kept_count_ = 0;
  Matrix<float> lanes_, uppers_;
  float below_ = 0;
  unsigned marked_ = 0;  // keys of a row of scores
  std::int64_t screened_ = 0, read_ = 0;
};

}  // namespace knowscale::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KNOWSCALE_KERNELS_SIMD_SCREENED_QUERIES_INL

// SPDX-License-Identifier: BSD-3-Clause
#include "truth/oracle_softmax.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/threads.hpp"

namespace knowscale {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNear = 2;           // below the leading score, of keys that span the hull
constexpr std::int64_t kBlock = 256;  // keys

// A score and what its rounding is relative to.
struct Score {
  double value = -kInfinity, size = 0;
};

// The sum of the products of a score; magnitudes of mapped numbers add by their squares.
class ScoreSum {
 public:
  ScoreSum(bool mapped, double least) : mapped_(mapped), least_(least) {}
  void add(double value, double size) {
    value_ += value;
    size_ += mapped_ ? size * size : size;
    least_sum_ += least_;
  }
  Score scaled(double scale) const {
    return {scale * value_, scale * (least_sum_ + (mapped_ ? std::abs(value_) + std::sqrt(size_) : size_))};
  }

 private:
  bool mapped_;
  double least_;
  double value_ = 0, size_ = 0, least_sum_ = 0;
};

// Of the scores of one sampled token and head.
struct Extremes {
  double highest = -kInfinity;
  double size = 0;              // the largest
  double assured = -kInfinity;  // the largest that one has however it is rounded
  bool spread = false;          // they are rounded by too much for the row to be computed; by NaN and infinity, too
};

// Sums for one sampled token and head, relative to a common score: `width` weighted values, their magnitudes, the
// total weight.
struct Sums {
  explicit Sums(std::int64_t width) : numbers(static_cast<std::size_t>(2 * width + 1), 0.0), width_(width) {}
  double* weighted() { return numbers.data(); }
  double* magnitude() { return numbers.data() + width_; }
  double& total() { return numbers.back(); }
  void operator+=(const Sums& more) {
    for (std::size_t j = 0; j < numbers.size(); ++j) numbers[j] += more.numbers[j];
  }

  std::vector<double> numbers;

 private:
  std::int64_t width_;
};

// The hull of values, as the largest of -v, of v, and of magnitudes; the identity where there is none.
struct Hull {
  explicit Hull(std::int64_t width) : numbers(static_cast<std::size_t>(3 * width), -kInfinity), width_(width) {}
  double& negative(std::int64_t j) { return numbers[static_cast<std::size_t>(j)]; }
  double& positive(std::int64_t j) { return numbers[static_cast<std::size_t>(width_ + j)]; }
  double& size(std::int64_t j) { return numbers[static_cast<std::size_t>(2 * width_ + j)]; }
  void add(std::int64_t j, double value, double magnitude) {
    negative(j) = std::max(negative(j), -value);
    positive(j) = std::max(positive(j), value);
    size(j) = std::max(size(j), magnitude);
  }

  std::vector<double> numbers;

 private:
  std::int64_t width_;
};

template <class T>
class SoftmaxOracle {
 public:
  SoftmaxOracle(const Problem<T>& problem, const SoftmaxFormula& formula, const std::vector<std::int64_t>& sampled,
                const CaseRounding& rounding)
      : problem_(problem),
        c_(problem.c),
        formula_(formula),
        sampled_(sampled),
        rounding_(rounding),
        sequences_(c_.sequences()),
        width_(formula.own_columns ? c_.head_dim() : c_.d),
        count_(static_cast<std::int64_t>(sampled.size()) * c_.heads) {}

  void add_to(Expected& expected) {
    find_extremes();
    const auto packed = static_cast<std::int64_t>(Sums(width_).numbers.size());
    Matrix<double> sums(count_, packed);
    Matrix<double> hulls(count_, any_spread() ? 3 * width_ : 0);
    for_each([&](std::int64_t i) {
      Sums of_row(width_);
      Hull hull(width_);
      if (formula_.over_knowledge) of_row = sum_knowledge(i, hull);
      std::copy_n(of_row.numbers.begin(), packed, sums.row(i));
      std::copy_n(hull.numbers.begin(), hulls.cols(), hulls.row(i));
    });
    problem_.comm.allreduce(sums.span(), Combine::sum);
    problem_.comm.allreduce(hulls.span(), Combine::maximum);
    for_each([&](std::int64_t i) {
      Sums of_row(width_);
      Hull hull(width_);
      std::copy_n(sums.row(i), packed, of_row.numbers.begin());
      std::copy_n(hulls.row(i), hulls.cols(), hull.numbers.begin());
      if (formula_.over_tokens) of_row += sum_tokens(i, hull);
      write(i, of_row, hull, expected);
    });
    for (std::int64_t i = 0; i < count_; ++i) note_score(i, expected);
  }

 private:
  template <class Body>
  void for_each(const Body& body) const {
    problem_.threads.parallel_for(count_, body);
  }
  std::int64_t head_of(std::int64_t i) const { return i % c_.heads; }
  std::int64_t first_column(std::int64_t i) const { return head_of(i) * c_.kv_heads / c_.heads * c_.head_dim(); }

  double rounding_of(const Score& score) const { return rounding_.score * score.size; }
  // Numerator and denominator both carry the rounding of a score.
  double moved(const Extremes& of_row) const { return 2 * rounding_.score * of_row.size; }
  bool any_spread() const {
    return std::any_of(extremes_.begin(), extremes_.end(), [](auto& e) { return e.spread; });
  }

  void find_extremes() {
    constexpr std::size_t kNumbers = 3;
    std::vector<double> maxima(kNumbers * static_cast<std::size_t>(count_));
    for_each([&](std::int64_t i) {
      Extremes found;
      const auto look = [&](std::int64_t, const Score& s) {
        found.highest = std::max(found.highest, s.value);
        found.size = std::max(found.size, s.size);
        found.assured = std::max(found.assured, s.value - rounding_of(s));
      };
      if (formula_.over_tokens) for_tokens(i, look);
      if (formula_.over_knowledge) for_knowledge(i, look);
      double* to = &maxima[kNumbers * static_cast<std::size_t>(i)];
      to[0] = found.highest, to[1] = found.size, to[2] = found.assured;
    });
    problem_.comm.allreduce(std::span<double>(maxima), Combine::maximum);
    for (std::size_t i = 0; i < maxima.size(); i += kNumbers) {
      extremes_.push_back({maxima[i], maxima[i + 1], maxima[i + 2]});
      extremes_.back().spread = !(std::expm1(moved(extremes_.back())) < kTelling);
    }
  }

  // visit(token, score) for the tokens that the sampled one may see.
  template <class Visit>
  void for_tokens(std::int64_t i, const Visit& visit) const {
    const std::int64_t s = i / c_.heads, token = sampled_[static_cast<std::size_t>(s)], key_column = first_column(i);
    const RowRange sequence = *std::find_if(sequences_.begin(), sequences_.end(), [&](const RowRange& range) {
      return range.begin <= token && token < range.end;
    });
    const std::int64_t query_column = head_of(i) * c_.head_dim();
    for (std::int64_t j = sequence.begin; j < (c_.causal ? token + 1 : sequence.end); ++j) {
      ScoreSum sum(formula_.mapped, rounding_.least_value);
      for (std::int64_t col = 0; col < c_.head_dim(); ++col) {
        sum.add(formula_.token_queries.value(s, query_column + col) * formula_.token_keys.value(j, key_column + col),
                formula_.token_queries.size(s, query_column + col) * formula_.token_keys.size(j, key_column + col));
      }
      visit(j, sum.scaled(c_.scale));
    }
  }

  // visit(row of the shard, score) for this rank's knowledge.
  template <class Visit>
  void for_knowledge(std::int64_t i, const Visit& visit) const {
    const std::int64_t column = formula_.own_columns ? first_column(i) : 0, width = formula_.knowledge_queries.cols();
    const double* query = formula_.knowledge_queries.value.row(i);
    const double* size = formula_.knowledge_queries.size.row(i);
    for (std::int64_t k = 0; k < problem_.knowledge.keys.rows(); ++k) {
      const T* key = problem_.knowledge.keys.row(k) + column;
      ScoreSum sum(formula_.mapped, rounding_.least_value);
      for (std::int64_t col = 0; col < width; ++col) {
        sum.add(query[col] * static_cast<double>(key[col]), size[col] * std::abs(static_cast<double>(key[col])));
      }
      visit(k, sum.scaled(c_.scale));
    }
  }

  // Adds a key of row i: to the sums, where the row is computed; else to the hull, or to what else adds to it.
  template <class Value, class Size>
  void add(std::int64_t i, const Score& score, const Value& value, const Size& size, Sums& sums, Hull& hull) const {
    const Extremes& of_row = extremes_[static_cast<std::size_t>(i)];
    const double below =
        of_row.spread ? of_row.assured - (score.value + rounding_of(score)) : of_row.highest - score.value;
    if (of_row.spread && !(below > kNear)) {
      for (std::int64_t j = 0; j < width_; ++j) hull.add(j, value(j), size(j));
      return;
    }
    const double weight = std::exp(-below), rounded = std::max(weight, least_weight(of_row.spread));
    for (std::int64_t j = 0; j < width_; ++j) {
      sums.weighted()[j] += weight * value(j);
      sums.magnitude()[j] += rounded * size(j) + rounding_.least_value;
    }
    sums.total() += weight;
  }
  // Magnitudes are multiplied by the unit roundoff where the row is computed.
  double least_weight(bool spreads) const {
    return spreads ? rounding_.least_weight : rounding_.least_weight / rounding_.unit;
  }

  Sums sum_tokens(std::int64_t i, Hull& hull) const {
    Sums sums(width_);
    const std::int64_t column = first_column(i);
    for_tokens(i, [&](std::int64_t j, const Score& score) {
      add(
          i, score, [&](std::int64_t c) { return formula_.token_values.value(j, column + c); },
          [&](std::int64_t c) { return formula_.token_values.size(j, column + c); }, sums, hull);
    });
    return sums;
  }

  // Blocks of keys first, then their sums, so that the oracle's own rounding stays small at large m.
  Sums sum_knowledge(std::int64_t i, Hull& hull) const {
    Sums sums(width_), block(width_);
    const MatrixView<const T> values = problem_.knowledge.values();
    const std::int64_t column = formula_.own_columns ? first_column(i) : 0;
    for_knowledge(i, [&](std::int64_t k, const Score& score) {
      const T* value = values.row(k) + column;
      add(
          i, score, [&](std::int64_t c) { return static_cast<double>(value[c]); },
          [&](std::int64_t c) { return std::abs(static_cast<double>(value[c])); }, block, hull);
      if (k % kBlock == kBlock - 1) {
        sums += block;
        block = Sums(width_);
      }
    });
    sums += block;
    return sums;
  }

  // A component with its magnitude and what the row's scores leave open of it.
  struct Component {
    double value, size, radius;
  };
  Component component(std::int64_t i, std::int64_t j, Sums& sums, Hull& hull) const {
    if (!extremes_[static_cast<std::size_t>(i)].spread) {
      return {sums.weighted()[j] / sums.total(), sums.magnitude()[j] / sums.total(), 0};
    }
    const double low = -hull.negative(j), high = hull.positive(j);
    const double size = hull.size(j) + static_cast<double>(c_.m + c_.n) * rounding_.least_value;
    return {(low + high) / 2, size, (high - low) / 2 + sums.magnitude()[j] + sums.total() * size};
  }

  void write(std::int64_t i, Sums& sums, Hull& hull, Expected& expected) const {
    if (extremes_[static_cast<std::size_t>(i)].highest == -kInfinity) return;  // sees no key
    std::vector<Component> mean;
    for (std::int64_t j = 0; j < width_; ++j) mean.push_back(component(i, j, sums, hull));
    const std::int64_t s = i / c_.heads, first = head_of(i) * c_.head_dim();
    const auto put = [&](std::int64_t j, const Component& of_head) {
      expected.rows.value(s, first + j) += of_head.value;
      expected.rows.size(s, first + j) += of_head.size;
      expected.radius(s, first + j) += of_head.radius;
    };
    for (std::int64_t j = 0; j < c_.head_dim(); ++j) {
      if (formula_.value_map.empty()) {
        put(j, mean[static_cast<std::size_t>(j)]);
      } else {
        put(j, mapped(mean, formula_.value_map[static_cast<std::size_t>(head_of(i) * c_.kv_heads / c_.heads)], j));
      }
    }
  }

  // Column j of the mean times the map.
  Component mapped(const std::vector<Component>& mean, const Magnified& map, std::int64_t j) const {
    Component out = {0, 0, 0};
    double squares = 0;
    for (std::int64_t k = 0; k < map.rows(); ++k) {
      const Component& from = mean[static_cast<std::size_t>(k)];
      out.value += from.value * map.value(k, j);
      out.radius += from.radius * std::abs(map.value(k, j));
      squares += std::pow(from.size * map.size(k, j), 2);
    }
    out.size = std::abs(out.value) + std::sqrt(squares) + rounding_.least_value * static_cast<double>(map.rows());
    return out;
  }

  void note_score(std::int64_t i, Expected& expected) const {
    const Extremes& of_row = extremes_[static_cast<std::size_t>(i)];
    expected.largest_score = std::max(expected.largest_score, of_row.size);
    const auto s = static_cast<std::size_t>(i / c_.heads);
    if (of_row.spread) {
      expected.open[s] = true;
    } else {
      expected.moved[s] = std::max(expected.moved[s], moved(of_row));
    }
  }

  const Problem<T>& problem_;
  const Case& c_;
  const SoftmaxFormula& formula_;
  const std::vector<std::int64_t>& sampled_;
  const CaseRounding& rounding_;
  std::vector<RowRange> sequences_;
  std::int64_t width_;  // of a mean of values
  std::int64_t count_;  // of sampled tokens and heads: i is head i % heads of sample i / heads
  std::vector<Extremes> extremes_;
};

}  // namespace

Expected::Expected(std::int64_t samples, std::int64_t d)
    : rows(samples, d),
      radius(samples, d),
      moved(static_cast<std::size_t>(samples), 0.0),
      open(static_cast<std::size_t>(samples), false) {
  std::fill_n(radius.data(), radius.size(), 0.0);
}

template <class T>
void add_softmax(const Problem<T>& problem, const SoftmaxFormula& formula, const std::vector<std::int64_t>& sampled,
                 const CaseRounding& rounding, Expected& expected) {
  SoftmaxOracle<T>(problem, formula, sampled, rounding).add_to(expected);
}

template void add_softmax(const Problem<float>&, const SoftmaxFormula&, const std::vector<std::int64_t>&,
                          const CaseRounding&, Expected&);
template void add_softmax(const Problem<double>&, const SoftmaxFormula&, const std::vector<std::int64_t>&,
                          const CaseRounding&, Expected&);
template void add_softmax(const Problem<Bf16>&, const SoftmaxFormula&, const std::vector<std::int64_t>&,
                          const CaseRounding&, Expected&);
template void add_softmax(const Problem<F16>&, const SoftmaxFormula&, const std::vector<std::int64_t>&,
                          const CaseRounding&, Expected&);

}  // namespace knowscale
